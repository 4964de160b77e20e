/**
 * Operations of the state in Redis, each in one step. KEYS: the row, the table's order. ARGV: the key, the prefix of
 * rows, the table's `most` and `ttl`, then the operation's own words.
 */

/** Notes the write; beyond `most` rows, those whose time is over go first, then the ones written longest ago. */
const note = `
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
redis.call('ZADD', KEYS[2], now, ARGV[1])
redis.call('PEXPIRE', KEYS[2], ARGV[4])
if redis.call('ZCARD', KEYS[2]) > tonumber(ARGV[3]) then
  redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', now - ARGV[4] * 1000)
  local extra = redis.call('ZCARD', KEYS[2]) - tonumber(ARGV[3])
  if extra > 0 then
    local old = redis.call('ZPOPMIN', KEYS[2], extra)
    for i = 1, #old, 2 do redis.call('DEL', ARGV[2] .. old[i]) end
  end
end
`;

/** text, ttl */
export const put = `
redis.call('SET', KEYS[1], ARGV[5], 'PX', ARGV[6])
${note}
return 1
`;

/** by, ttl → count, left */
export const add = `
local count = redis.call('INCRBY', KEYS[1], ARGV[5])
local left = redis.call('PTTL', KEYS[1])
if left < 0 then
  redis.call('PEXPIRE', KEYS[1], ARGV[6])
  left = tonumber(ARGV[6])
end
${note}
return { count, left }
`;

/** whether a row is expected, which; whether there is to be one, which; ttl → 1 where it was as expected */
export const swap = `
local found = redis.call('GET', KEYS[1])
if ARGV[5] == '0' and found or ARGV[5] == '1' and found ~= ARGV[6] then
  return 0
end
if ARGV[7] == '0' then
  redis.call('DEL', KEYS[1])
  redis.call('ZREM', KEYS[2], ARGV[1])
  return 1
end
redis.call('SET', KEYS[1], ARGV[8], 'PX', ARGV[9])
${note}
return 1
`;

/** first and last place in the order, what keys begin with → how many keys there are, then key, text and time of each row */
export const page = `
local keys = redis.call('ZRANGE', KEYS[2], ARGV[5], ARGV[6])
local found = { #keys }
for i = 1, #keys do
  if string.sub(keys[i], 1, #ARGV[7]) == ARGV[7] then
    local row = ARGV[2] .. keys[i]
    local text = redis.call('GET', row)
    if text then
      found[#found + 1] = { keys[i], text, math.max(0, redis.call('PTTL', row)) }
    end
  end
end
return found
`;

export const remove = `
redis.call('DEL', KEYS[1])
redis.call('ZREM', KEYS[2], ARGV[1])
return 1
`;
