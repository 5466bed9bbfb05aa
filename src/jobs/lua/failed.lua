-- from, number, largest text (a larger one is left out): { id, name, data, reason, attempts made, timestamp, finished } each, latest first.
local out = {}
if tonumber(ARGV[2]) == 0 then
    return out
end
for _, id in ipairs(call('ZREVRANGE', P .. 'failed', ARGV[1], tonumber(ARGV[1]) + tonumber(ARGV[2]) - 1)) do
    local function small(field)
        return call('HSTRLEN', P .. id, field) <= tonumber(ARGV[3]) and field or ''
    end
    local f = call('HMGET', P .. id, small('name'), small('data'), small('failedReason'), 'atm', 'timestamp', 'finishedOn')
    out[#out + 1] = { id, f[1] or '', f[2] or '', f[3] or '', f[4] or '0', f[5] or '0', f[6] or '0' }
end
return out
