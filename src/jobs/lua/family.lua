-- Jobs that wait for others: what a child's end means for its parent. And what is held back while a job lives.

local function split_key(key)
    return string.match(key, '^(.*:)([^:]+)$')
end

-- The parent waits for nothing more.
local function wake_parent(key, now)
    local q, id = split_key(key)
    if not q or call('ZREM', q .. 'waiting-children', id) == 0 then
        return
    end
    local delay = tonumber(call('HGET', key, 'delay') or 0) or 0
    if delay > 0 then
        put_delayed(q, id, now + delay)
        return
    end
    put_ready(q, id, priority_of(q, id), true)
    tell(q, 'waiting', 'jobId', id, 'prev', 'waiting-children')
end

local function wake_when_alone(key, now)
    if call('SCARD', key .. ':dependencies') == 0 then
        wake_parent(key, now)
    end
end

local function child_completed(child, key, value, now)
    if call('EXISTS', key) == 1 and call('SREM', key .. ':dependencies', child) == 1 then
        call('HSET', key .. ':processed', child, value)
        wake_when_alone(key, now)
    end
end

-- As the child was told to: fail the parent, go on with it, ignore the failure, or forget the child. Else it waits for ever.
local function child_failed(child, key, how, reason, now)
    local ok, p = pcall(cjson.decode, how or '{}')
    if not ok or type(p) ~= 'table' or call('EXISTS', key) == 0 then
        return
    end
    if not (p.fpof or p.cpof or p.idof or p.rdof) or call('SREM', key .. ':dependencies', child) == 0 then
        return
    end
    if p.fpof then
        call('ZADD', key .. ':unsuccessful', string.format('%.0f', now), child)
        call('HSET', key, 'defa', 'child ' .. child .. ' failed')
        wake_parent(key, now)
    elseif p.cpof then
        call('HSET', key .. ':failed', child, reason)
        wake_parent(key, now)
    else
        if p.idof then
            call('HSET', key .. ':failed', child, reason)
        end
        wake_when_alone(key, now)
    end
end

-- A job that did not exist before.
local function put_new(id, name, data, opts, timestamp, delay, priority, front, did)
    call('HSET', P .. id, 'name', name, 'data', data, 'opts', opts, 'timestamp', timestamp, 'delay', delay, 'priority',
         priority)
    if did then
        call('HSET', P .. id, 'deid', did)
    end
    tell(P, 'added', 'jobId', id, 'name', name)
    if tonumber(delay) > 0 then
        put_delayed(P, id, tonumber(timestamp) + tonumber(delay))
    else
        put_ready(P, id, tonumber(priority), front)
        tell_trimmed(P, 'waiting', 'jobId', id)
    end
end

-- The last of those that were added while one of the same deduplication id was active (keepLastIfActive).
local function put_kept(did, timestamp)
    local k = P .. 'dn:' .. did
    local f = call('HMGET', k, 'name', 'data', 'opts', 'jid', 'pk', 'pd', 'pdk', 'rjk')
    if not f[1] then
        return
    end
    local ok, opts = pcall(cjson.decode, f[3] or '{}')
    opts = ok and type(opts) == 'table' and opts or {}
    local n = call('INCR', P .. 'id')
    local id = f[4] or string.format('%.0f', n)
    call('SET', P .. 'de:' .. did, id)
    for at, field in pairs({ [5] = 'parentKey', [6] = 'parent', [8] = 'rjk' }) do
        if f[at] then
            call('HSET', P .. id, field, f[at])
        end
    end
    if f[7] then
        call('SADD', f[7], P .. id)
    end
    put_new(id, f[1], f[2] or '', f[3] or '{}', timestamp, string.format('%.0f', tonumber(opts.delay) or 0),
            string.format('%.0f', tonumber(opts.priority) or 0), opts.lifo == true, did)
    call('DEL', k)
end

-- Others of the same deduplication id may come again. True when it was this job that kept them away.
local function free_deduplication(id, did)
    local k = P .. 'de:' .. did
    local ttl = call('PTTL', k)
    if ttl == 0 or (ttl == -1 and call('GET', k) == id) then
        call('DEL', k)
        return true
    end
    return false
end
