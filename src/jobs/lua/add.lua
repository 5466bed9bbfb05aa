-- id ('' for a number), name, data, opts, timestamp, delay, priority, lifo ('1'). The id.
local id, name, delay, priority = ARGV[1], ARGV[2], tonumber(ARGV[6]), tonumber(ARGV[7])
local n = call('INCR', P .. 'id')
max_events(P)
if id == '' then
    id = string.format('%.0f', n)
elseif call('EXISTS', P .. id) == 1 then
    tell_trimmed(P, 'duplicated', 'jobId', id)
    return id
end
call('HSET', P .. id, 'name', name, 'data', ARGV[3], 'opts', ARGV[4], 'timestamp', ARGV[5], 'delay', ARGV[6],
     'priority', ARGV[7])
tell(P, 'added', 'jobId', id, 'name', name)
if delay > 0 then
    put_delayed(P, id, tonumber(ARGV[5]) + delay)
else
    put_ready(P, id, priority, ARGV[8] == '1')
    tell_trimmed(P, 'waiting', 'jobId', id)
end
return id
