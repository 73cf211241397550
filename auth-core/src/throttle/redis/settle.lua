
local succeeded, trusted, charged_at = ARGV[rest + 1] == '1', ARGV[rest + 2] == '1', tonumber(ARGV[rest + 3])

for _, slot in ipairs(slots) do
  if slot.scope == 'spray' then
    local left = slot.member
    if succeeded then
      left = 0
    elseif charged(slot) and not trusted and slot.at <= charged_at then
      left = math.max(left - 1, 0)
    end
    if left > 0 then
      redis.call('HSET', slot.key, member, left)
    elseif slot.member > 0 then
      redis.call('HDEL', slot.key, member)
      slot.count = slot.count - 1
      write(slot)
    end
  elseif succeeded and (slot.scope == 'device' or slot.scope == 'identifier') then
    redis.call('DEL', slot.key)
  else
    local was_charged = not trusted and charged(slot)
    if slot.scope == 'device' then was_charged = trusted end
    if was_charged and slot.count + slot.total > 0 and (slot.scope == 'identifier' or slot.at <= charged_at) then
      slot.count, slot.total = math.max(slot.count - 1, 0), math.max(slot.total - 1, 0)
      write(slot)
    end
  end
end
return {}
