-- What both scripts start with. Times are milliseconds: whole numbers far below 2^53, written with '%.0f', since Lua's own
-- conversion to text keeps 14 digits.
local now, guess, member = tonumber(ARGV[1]), ARGV[2] == '1', 'm' .. ARGV[3]
local free, first, longest, forgiven = tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6]), tonumber(ARGV[7])
local day, memory = tonumber(ARGV[8]), tonumber(ARGV[9])
local rest = 9 + 3 * #KEYS

local function pause(count)
  if count < free then return 0 end
  return math.min(first * 2 ^ math.min(count - free, 10), longest)
end

-- The buckets in the order of the slots, with what is past forgotten. A spray has a field for each member with how many of its
-- attempts count, and as its count the number of these fields.
local slots = {}
for i, key in ipairs(KEYS) do
  local slot = { key = key, scope = ARGV[7 + 3 * i], max = tonumber(ARGV[8 + 3 * i]), per = tonumber(ARGV[9 + 3 * i]) }
  local kept = redis.call('HMGET', key, 'count', 'total', 'at', member)
  slot.count, slot.total, slot.at = tonumber(kept[1]) or 0, tonumber(kept[2]) or 0, tonumber(kept[3]) or 0
  slot.member = tonumber(kept[4]) or 0
  if slot.scope == 'identifier' then
    slot.ends = slot.at + math.min(slot.total * day, memory)
    if now >= slot.at + pause(slot.count) + forgiven then slot.count = 0 end
  else
    slot.ends = slot.at + slot.per
  end
  if now >= slot.ends then
    redis.call('DEL', key)
    slot.count, slot.total, slot.at, slot.member = 0, 0, 0, 0
  end
  slots[i] = slot
end

-- A lifetime, not a moment: whoever asks tells the time, and Redis need not agree with it.
local function write(slot)
  if slot.count == 0 and slot.total == 0 then
    redis.call('DEL', slot.key)
    return
  end
  local ends = slot.at + slot.per
  if slot.scope == 'identifier' then ends = slot.at + math.min(slot.total * day, memory) end
  redis.call('HSET', slot.key, 'count', slot.count, 'total', slot.total, 'at', string.format('%.0f', slot.at))
  redis.call('PEXPIRE', slot.key, string.format('%.0f', math.max(ends - now, 1)))
end

-- Whether an attempt that no trusted device vouches for is charged to this.
local function charged(slot)
  if slot.scope == 'device' then return false end
  return guess or slot.scope == 'address' or slot.scope == 'network'
end
