-- KEYS: the last place, the list by place. ARGV: the place after which to read, how many at most.
local last = tonumber(redis.call('GET', KEYS[1]) or '0')
local after = tonumber(ARGV[1])
-- The list was lost and began anew: what has been read is of another one.
if after > last then
    after = 0
end
local from = '(' .. string.format('%.0f', after)
local found = redis.call('ZRANGEBYSCORE', KEYS[2], from, '+inf', 'WITHSCORES', 'LIMIT', 0, ARGV[2])
return { string.format('%.0f', after), found }
