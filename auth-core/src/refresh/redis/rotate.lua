-- One presented token: rows 2 to 8 of the decision, as `Rotate::decide` has them, and their change.
--
-- KEYS  the family's state, its subject's epoch, its subject's families
-- ARGV  now, the token's generation, the end of an idle session that is refreshed now, the window in which the predecessor is
--       answered, the uses of it, the age below which a token coalesces, whether to follow a token that is one ahead,
--       the family's id
--
-- Times are whole milliseconds. They are compared as numbers, which are exact up to 2^53, and stored as the text they came as:
-- what Lua makes a text of by itself has 14 digits.
local row = redis.call('HMGET', KEYS[1], 'gen', 'rotated_at', 'created_at', 'idle_expires_at', 'abs_expires_at', 'epoch',
    'grace_uses', 'revoked_at', 'revoke_reason')
if not row[1] then
    return false
end
local now = tonumber(ARGV[1])
local presented = tonumber(ARGV[2])
local current = tonumber(row[1])
local uses = tonumber(row[7])
local exhausted = uses >= tonumber(ARGV[5])
-- Zero where the clock of whoever rotated it is ahead of ours.
local age = math.max(0, now - tonumber(row[2] or row[3]))
local outcome

local function replay()
    uses = uses + 1
    redis.call('HSET', KEYS[1], 'grace_uses', string.format('%d', uses))
    outcome = 'replay'
end

local function rotate(name)
    current = presented + 1
    uses = 0
    row[2] = ARGV[1]
    row[4] = ARGV[3]
    redis.call('HSET', KEYS[1], 'gen', string.format('%.0f', current), 'rotated_at', row[2], 'idle_expires_at', row[4],
        'grace_uses', '0')
    outcome = name
end

if row[8] or tonumber(row[6]) < tonumber(redis.call('GET', KEYS[2]) or '0') then
    outcome = 'revoked'
elseif now >= tonumber(row[5]) then
    outcome = 'expired'
elseif now >= tonumber(row[4]) then
    outcome = 'idle'
elseif presented == current and age < tonumber(ARGV[6]) and not exhausted then
    replay()
elseif presented >= current and presented == 4294967295 then
    outcome = 'expired'
elseif presented == current then
    rotate('rotated')
elseif presented == current + 1 and ARGV[7] == '1' then
    rotate('forwarded')
elseif presented > current then
    outcome = 'ahead'
elseif presented == current - 1 and age <= tonumber(ARGV[4]) then
    if exhausted then
        outcome = 'many'
    else
        replay()
    end
else
    row[8] = ARGV[1]
    row[9] = 'reuse'
    redis.call('HSET', KEYS[1], 'revoked_at', row[8], 'revoke_reason', row[9])
    redis.call('SREM', KEYS[3], ARGV[8])
    outcome = 'reuse'
end
return {outcome, string.format('%.0f', current), row[2] or '', row[4], row[6], string.format('%d', uses), row[8] or '',
    row[9] or ''}
