-- The states of a subject's live families.
--
-- KEYS  the subject's epoch, the subject's families
-- ARGV  now
local now = tonumber(ARGV[1])
local epoch = tonumber(redis.call('GET', KEYS[1]) or '0')
local live = {}
for _, id in ipairs(redis.call('SMEMBERS', KEYS[2])) do
    local row = redis.call('HMGET', KEYS[2] .. ':' .. id, 'gen', 'rotated_at', 'idle_expires_at', 'epoch', 'grace_uses',
        'abs_expires_at')
    if row[1] and tonumber(row[4]) >= epoch and now < tonumber(row[3]) and now < tonumber(row[6]) then
        live[#live + 1] = {id, row[1], row[2] or '', row[3], row[4], row[5], '', ''}
    end
end
return live
