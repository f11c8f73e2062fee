-- Look at queues: what waits, and which messages have no turn yet.
--
-- KEYS: of each queue in turn its list, aside, turns, ready. All are read before anything is written, so a key of a wrong
--       type fails before anything moves.
-- ARGV: the length of a short list, the most messages and bytes of one look, the milliseconds until the next look.
-- Returns for each queue: the length of its list, the number of messages aside, 1 if there are more than were looked
--       at, the message that is taken next or '', and then the messages that have no turn yet.
local short, window, bytes, pause = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local states = {}
for k = 1, #KEYS, 4 do
  local list, aside, turns, ready = KEYS[k], KEYS[k + 1], KEYS[k + 2], KEYS[k + 3]
  local state = {redis.call('LLEN', list), redis.call('ZCARD', aside), 0, redis.call('LINDEX', list, -1) or ''}
  if state[1] <= short and state[2] == 0 then
    if redis.call('EXISTS', turns) == 1 then redis.call('DEL', turns, ready) end
  elseif now >= tonumber(redis.call('HGET', turns, 'next') or 0) then
    local known, size = redis.call('HLEN', ready), 0
    local entries = redis.call('LRANGE', list, -(window + known), -1)
    if state[1] > #entries then state[3] = 1 end
    for i = #entries, 1, -1 do
      known = known - 1
      if known < 0 or redis.call('HEXISTS', ready, redis.sha1hex(entries[i])) == 0 then
        size = size + #entries[i]
        if #state > 4 and size > bytes then
          state[3] = 1
          break
        end
        state[#state + 1] = entries[i]
      end
    end
    if state[3] == 0 then redis.call('HSET', turns, 'next', now + pause) end
  end
  states[#states + 1] = state
end
return states
