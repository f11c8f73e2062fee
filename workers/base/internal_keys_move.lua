-- Rename a key that has a wrong type, so that nothing is lost and the next write makes it again.
--
-- RENAMENX: what was moved aside before stays. The set of the moved keys may itself be of a wrong type, hence pcall.
--
-- KEYS: the key, its new name, the set of the moved keys.  ARGV: the type that the key should have.
-- Returns 1 if the key was moved, else 0.
local actual = redis.call('TYPE', KEYS[1]).ok
if actual == ARGV[1] or actual == 'none' then return 0 end
if redis.call('RENAMENX', KEYS[1], KEYS[2]) == 0 then return 0 end
redis.pcall('SADD', KEYS[3], KEYS[2])
return 1
