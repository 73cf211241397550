-- Ends all families of a subject but one, and raises its epoch. Answers the epoch, and those that were live.
--
-- KEYS  the subject's epoch, the subject's families
-- ARGV  now, the reason, the id of the one that is kept or nothing, for how many milliseconds the epoch is kept
local now = tonumber(ARGV[1])
local epoch = string.format('%.0f', redis.call('INCR', KEYS[1]))
redis.call('PEXPIRE', KEYS[1], ARGV[4])
local ended = {epoch}
for _, id in ipairs(redis.call('SMEMBERS', KEYS[2])) do
    local key = KEYS[2] .. ':' .. id
    local row = redis.call('HMGET', key, 'idle_expires_at', 'abs_expires_at')
    if row[1] and id == ARGV[3] then
        redis.call('HSET', key, 'epoch', epoch)
    else
        if row[1] then
            redis.call('HSET', key, 'revoked_at', ARGV[1], 'revoke_reason', ARGV[2])
            if now < tonumber(row[1]) and now < tonumber(row[2]) then
                ended[#ended + 1] = id
            end
        end
        redis.call('SREM', KEYS[2], id)
    end
end
return ended
