-- Ends one family.
--
-- KEYS  the family's state, its subject's families
-- ARGV  now, the reason, the family's id
local row = redis.call('HMGET', KEYS[1], 'gen', 'revoked_at')
if not row[1] or row[2] then
    return 0
end
redis.call('HSET', KEYS[1], 'revoked_at', ARGV[1], 'revoke_reason', ARGV[2])
redis.call('SREM', KEYS[2], ARGV[3])
return 1
