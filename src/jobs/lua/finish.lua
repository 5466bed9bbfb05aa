-- id, token, now, 'completed' or 'failed', value (JSON, or the reason), count kept (-1: all), seconds kept (0: for ever),
-- attempts, entry of the trace (failed). 0, -1 no such job, -2 and -6 not ours, -3 not active, -4 and -9 of a parent's children.
local id, now, kind, value = ARGV[1], tonumber(ARGV[3]), ARGV[4], ARGV[5]
local count, age = tonumber(ARGV[6]), tonumber(ARGV[7])
local k = P .. id
local ok = kind == 'completed'

if ok and call('SCARD', k .. ':dependencies') ~= 0 then
    return -4
elseif ok and call('ZCARD', k .. ':unsuccessful') ~= 0 then
    return -9
end
local code = let_go(id, ARGV[2])
if code ~= 0 then
    return code
end
if not ok then
    note_failure(id, value, ARGV[9])
end
if call('LREM', P .. 'active', -1, id) == 0 then
    return -3
end
call('XTRIM', P .. 'events', 'MAXLEN', '~', max_events(P))
local f = call('HMGET', k, 'deid', 'parentKey', 'parent')
if f[1] and free_deduplication(id, f[1]) then
    put_kept(f[1], ARGV[3])
end
if f[2] and ok then
    child_completed(k, f[2], value, now)
elseif f[2] then
    child_failed(k, f[2], f[3], value, now)
end
local attempts_made = call('HINCRBY', k, 'atm', 1)

local function trim()
    local set = P .. kind
    if age > 0 then
        local old = string.format('%.0f', now - age * 1000)
        for _, gone in ipairs(call('ZREVRANGEBYSCORE', set, old, '-inf', 'LIMIT', 0, 1000)) do
            delete_job(P, gone)
            call('ZREM', set, gone)
        end
    end
    if count > 0 then
        for _, gone in ipairs(call('ZREVRANGE', set, count, count + 999)) do
            delete_job(P, gone)
            call('ZREM', set, gone)
        end
    end
end

if count == 0 then
    delete_job(P, id)
else
    call('ZADD', P .. kind, ARGV[3], id)
    call('HSET', k, ok and 'returnvalue' or 'failedReason', value, 'finishedOn', ARGV[3])
    if not ok then
        call('HDEL', k, 'defa')
    end
    trim()
end
tell(P, kind, 'jobId', id, ok and 'returnvalue' or 'failedReason', value, 'prev', 'active')
if not ok and attempts_made >= tonumber(ARGV[8]) then
    tell(P, 'retries-exhausted', 'jobId', id, 'attemptsMade', attempts_made)
end
if call('LLEN', P .. 'wait') == 0 and call('LLEN', P .. 'active') == 0 and call('ZCARD', P .. 'prioritized') == 0 then
    tell(P, 'drained')
end
return 0
