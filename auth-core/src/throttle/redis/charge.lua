
local challenged, challenge_after = ARGV[rest + 1] == '1', tonumber(ARGV[rest + 2])

for _, slot in ipairs(slots) do
  if guess and slot.scope == 'device' and slot.count < slot.max then
    if slot.count == 0 then slot.at = now end
    slot.count = slot.count + 1
    write(slot)
    return { 0, 1, slot.count, slot.count, math.max(now, slot.at) }
  end
end

for _, slot in ipairs(slots) do
  if guess and not challenged and slot.scope == 'identifier' and slot.total >= challenge_after then
    return { 2 }
  end
end

local worst, longest_wait = 0, 0
for i, slot in ipairs(slots) do
  local wait = 0
  if slot.scope == 'identifier' then
    local due = pause(slot.count)
    -- Without a pause there is no wait, not even for a clock that is behind the one of the last failure.
    if due > 0 then wait = slot.at + due - now end
  elseif slot.count >= slot.max and slot.member == 0 then
    wait = slot.at + slot.per - now
  end
  if charged(slot) and wait > 0 and wait >= longest_wait then
    worst, longest_wait = i, wait
  end
end
if worst > 0 then
  return { 1, worst, longest_wait }
end

local count, total, at = 0, 0, now
for _, slot in ipairs(slots) do
  if charged(slot) then
    if slot.scope == 'identifier' then
      slot.at, slot.count, slot.total = now, slot.count + 1, slot.total + 1
      count, total = slot.count, slot.total
      write(slot)
    else
      if slot.member == 0 then
        if slot.count == 0 then slot.at = now end
        slot.count = slot.count + 1
        write(slot)
      end
      if slot.scope == 'spray' then redis.call('HSET', slot.key, member, slot.member + 1) end
    end
    at = math.max(at, slot.at)
  end
end
return { 0, 0, count, total, at }
