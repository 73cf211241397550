-- KEYS: the last place, the list by place, the list by end. ARGV: the entry, its end, now, the channel.
local over = redis.call('ZRANGEBYSCORE', KEYS[3], '-inf', ARGV[3], 'LIMIT', 0, 100)
for _, entry in ipairs(over) do
    redis.call('ZREM', KEYS[2], entry)
    redis.call('ZREM', KEYS[3], entry)
end
local place = string.format('%.0f', redis.call('INCR', KEYS[1]))
redis.call('ZADD', KEYS[2], place, ARGV[1])
redis.call('ZADD', KEYS[3], ARGV[2], ARGV[1])
redis.call('PUBLISH', ARGV[4], place)
return 0
