-- Give turns: set the messages that are named aside, each with its turn.
--
-- When one of them comes before what is ready, or little is ready, the first ones are chosen again and put at the end of
-- the list, where they are taken next. Whatever else lies there stays: what came meanwhile gets its turn next time, what
-- a worker gave back goes as it lies.
--
-- KEYS: the list, aside, turns and ready of one queue.
-- ARGV: the number of messages to make ready, then pairs of a message's SHA-1 and its tenant's field in turns.
-- Returns the number of messages aside, and the message that is taken next or ''.
local list, aside, turns, ready = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
redis.call('ZCARD', aside)
redis.call('HLEN', turns)
local lanes, marks, gone = {}, {}, 'hearth.fair.gone'
for i = 2, #ARGV, 2 do lanes[ARGV[i]] = ARGV[i + 1] end
local known = redis.call('HGETALL', ready)
for i = 1, #known, 2 do marks[known[i]] = known[i + 1] end
local entries = redis.call('LRANGE', list, -(#known / 2 + (#ARGV - 1) / 2 + 50), -1)
local fresh, lying, base, latest = {}, {}, nil, 0
for i = #entries, 1, -1 do
  local digest = redis.sha1hex(entries[i])
  local place = i - #entries - 1
  if marks[digest] then
    local turn = tonumber(string.sub(marks[digest], 17))
    lying[#lying + 1] = {place, entries[i], marks[digest], digest}
    base, latest = math.min(base or turn, turn), math.max(latest, turn)
    marks[digest] = nil
  elseif lanes[digest] then
    fresh[#fresh + 1] = {place, entries[i], lanes[digest]}
  end
end
for digest in pairs(marks) do redis.call('HDEL', ready, digest) end
local first = redis.call('ZRANGE', aside, 0, 0, 'WITHSCORES')[2]
if first then base = math.min(base or tonumber(first), tonumber(first)) end
if not base then redis.call('DEL', turns) end
base = (base or 1) - 1
local count = redis.call('HINCRBY', turns, 'count', #fresh) - #fresh
local last, cuts_in = {}, false
for i = 1, #fresh do
  local lane = fresh[i][3]
  last[lane] = math.max(base, (last[lane] or tonumber(redis.call('HGET', turns, lane) or 0)) + 1)
  cuts_in = cuts_in or last[lane] < latest
  redis.call('ZADD', aside, last[lane], string.format('%016.0f', count + i) .. fresh[i][2])
  redis.call('LSET', list, fresh[i][1], gone)
end
for lane, turn in pairs(last) do redis.call('HSET', turns, lane, string.format('%.0f', turn)) end
local wanted, removed = tonumber(ARGV[1]), #fresh
local choose = cuts_in or #lying < wanted / 2 or wanted == 0
if choose then
  for i = 1, #lying do
    redis.call('ZADD', aside, string.sub(lying[i][3], 17), string.sub(lying[i][3], 1, 16) .. lying[i][2])
    redis.call('LSET', list, lying[i][1], gone)
    redis.call('HDEL', ready, lying[i][4])
  end
  removed = removed + #lying
end
if removed > 0 then redis.call('LREM', list, -removed, gone) end
if choose then
  local chosen = redis.call('ZPOPMIN', aside, wanted)
  for i = #chosen - 1, 1, -2 do
    local raw = string.sub(chosen[i], 17)
    redis.call('RPUSH', list, raw)
    redis.call('HSET', ready, redis.sha1hex(raw), string.sub(chosen[i], 1, 16) .. chosen[i + 1])
  end
end
return {redis.call('ZCARD', aside), redis.call('LINDEX', list, -1) or ''}
