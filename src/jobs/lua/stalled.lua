-- now, interval ms, how often a job may be taken over. How many were. A job that was active at the last check and has no lock by
-- now is given to others. One check in an interval, the shortest of all workers'.
local gate = P .. 'stalled-check'
if call('PTTL', gate) > tonumber(ARGV[2]) then
    call('DEL', gate) -- of somebody with more patience
end
if not call('SET', gate, ARGV[1], 'PX', ARGV[2], 'NX') then
    return 0
end
call('XTRIM', P .. 'events', 'MAXLEN', '~', max_events(P))
local moved = 0
local suspects = call('SMEMBERS', P .. 'stalled')
call('DEL', P .. 'stalled')
for _, id in ipairs(suspects) do
    if call('EXISTS', P .. id .. ':lock') == 0 and call('LREM', P .. 'active', 1, id) > 0 then
        if call('EXISTS', P .. id) == 1 then
            local times = call('HINCRBY', P .. id, 'stc', 1)
            if times > tonumber(ARGV[3]) and not call('HGET', P .. id, 'rjk') then
                call('HSET', P .. id, 'defa', 'job stalled more than allowable limit')
            end
            put_ready(P, id, 0, true)
            tell(P, 'waiting', 'jobId', id, 'prev', 'active')
            tell(P, 'stalled', 'jobId', id)
            moved = moved + 1
        end
    end
end
local active = call('LRANGE', P .. 'active', 0, -1)
for i = 1, #active, 1000 do
    call('SADD', P .. 'stalled', unpack(active, i, math.min(i + 999, #active)))
end
return moved
