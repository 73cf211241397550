-- Keeps the state of a new family, and ends the least recently refreshed ones above the most that a subject may have.
--
-- KEYS  the family's state, its subject's epoch, its subject's families
-- ARGV  now, for how many milliseconds it is kept, for how many the epoch is, the most others, the family's id, its epoch,
--       and the fields of its state
--
-- The keys of the other families have the same tag as those given, and so the same slot.
local now = tonumber(ARGV[1])
local kept = tonumber(ARGV[2])
if (redis.call('GET', KEYS[2]) or '0') ~= ARGV[6] then
    return false
end
local live = {}
for _, id in ipairs(redis.call('SMEMBERS', KEYS[3])) do
    local key = KEYS[3] .. ':' .. id
    local row = redis.call('HMGET', key, 'rotated_at', 'created_at', 'idle_expires_at', 'abs_expires_at')
    if not row[2] then
        redis.call('SREM', KEYS[3], id)
    elseif now < tonumber(row[3]) and now < tonumber(row[4]) then
        live[#live + 1] = {id = id, key = key, refreshed = tonumber(row[1] or row[2])}
    end
end
table.sort(live, function(a, b)
    if a.refreshed ~= b.refreshed then
        return a.refreshed > b.refreshed
    end
    return a.id > b.id
end)
local evicted = {}
for i = tonumber(ARGV[4]) + 1, #live do
    redis.call('HSET', live[i].key, 'revoked_at', ARGV[1], 'revoke_reason', 'evicted')
    redis.call('SREM', KEYS[3], live[i].id)
    evicted[#evicted + 1] = live[i].id
end
for i = 7, #ARGV, 2 do
    redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 1])
end
redis.call('PEXPIRE', KEYS[1], ARGV[2])
redis.call('SADD', KEYS[3], ARGV[5])
if redis.call('PTTL', KEYS[3]) < kept then
    redis.call('PEXPIRE', KEYS[3], ARGV[2])
end
redis.call('PEXPIRE', KEYS[2], ARGV[3])
return evicted
