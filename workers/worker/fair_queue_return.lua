-- Put messages that are aside back on their list, the last ones first, so that in the end the first is taken next.
--
-- KEYS: the list, aside, turns and ready of one queue.
-- ARGV: the most messages to put back.
-- Returns the number of messages that are still aside.
local list, aside, turns, ready = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
redis.call('LLEN', list)
local chosen = redis.call('ZPOPMAX', aside, ARGV[1])
for i = 1, #chosen, 2 do redis.call('RPUSH', list, string.sub(chosen[i], 17)) end
local left = redis.call('ZCARD', aside)
if left == 0 then redis.call('DEL', turns, ready) end
return left
