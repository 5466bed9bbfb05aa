-- now, token, lock ms, worker's name, max, duration ms, how many, largest data. { ms until there may be more, or -1; 1 when the
-- next job is a scheduler's, which is left to others; jobs }. The i-th job's lock is the token with ":i".
local now, token, lock_ms, worker = tonumber(ARGV[1]), ARGV[2], ARGV[3], ARGV[4]
local meta = call('HMGET', P .. 'meta', 'max', 'duration')
local max = tonumber(meta[1] or ARGV[5])
local duration = tonumber(ARGV[6])
if duration == 0 then
    duration = tonumber(meta[2] or 0)
end
local jobs = {}

-- Milliseconds for which the rate is used up; 0: it is not.
local function rate_wait()
    if max == 0 or tonumber(call('GET', P .. 'limiter') or 0) < max then
        return 0
    end
    local ttl = call('PTTL', P .. 'limiter')
    if ttl <= 0 then
        call('DEL', P .. 'limiter')
        return 0
    end
    return ttl
end

-- The next id, moved to active; nil: none. Second: it belongs to a scheduler, and was not moved.
local function pop()
    local id = call('LINDEX', P .. 'wait', -1)
    local first
    if not id then
        first = call('ZRANGE', P .. 'prioritized', 0, 0)
        id = first[1]
    end
    if not id then
        call('DEL', P .. 'pc')
        return nil
    end
    if call('HEXISTS', P .. id, 'rjk') == 1 then
        return nil, true
    end
    if first then
        call('ZREM', P .. 'prioritized', id)
        call('LPUSH', P .. 'active', id)
    else
        call('RPOPLPUSH', P .. 'wait', P .. 'active')
    end
    return id
end

local function count_rate(id)
    if max > 0 and call('HEXISTS', P .. id, 'defa') == 0 and call('INCR', P .. 'limiter') == 1 and duration > 0 then
        call('PEXPIRE', P .. 'limiter', duration)
    end
end

local function hand_out(id)
    local k, mine = P .. id, token .. ':' .. (#jobs + 1)
    local big = false
    local function small(field, max)
        local fits = call('HSTRLEN', k, field) <= max
        big = big or not fits
        return fits and field or ''
    end
    count_rate(id)
    call('SET', k .. ':lock', mine, 'PX', lock_ms)
    tell(P, 'active', 'jobId', id, 'prev', 'waiting')
    call('HSET', k, 'processedOn', ARGV[1])
    if worker ~= '' then
        call('HSET', k, 'pb', worker)
    end
    call('HINCRBY', k, 'ats', 1)
    ring(P)
    local f = call('HMGET', k, small('name', 65536), small('data', tonumber(ARGV[8])), small('opts', 65536), 'atm',
                   small('defa', 65536))
    jobs[#jobs + 1] = { id, mine, f[1] or '', f[2] or '', f[3] or '', f[4] or '0', f[5] or '', big and 1 or 0 }
end

local function next_due()
    local first = call('ZRANGE', P .. 'delayed', 0, 0, 'WITHSCORES')
    return first[2] and math.max(0, math.floor(tonumber(first[2]) / 4096) - now) or -1
end

promote(P, now)
while #jobs < tonumber(ARGV[7]) do
    local rate = rate_wait()
    if rate > 0 then
        return { rate, 0, jobs }
    end
    local _, blocked = state(P)
    if blocked then
        break
    end
    local id, scheduled = pop()
    if scheduled then
        ring(P)
        return { -1, 1, jobs }
    end
    if not id then
        break
    end
    if call('EXISTS', P .. id) == 1 then
        hand_out(id)
    else
        call('LREM', P .. 'active', 1, id)
    end
end
return { next_due(), 0, jobs }
