-- id ('' for a number), name, data, opts, timestamp, delay, priority, lifo ('1'). The id.
local id = ARGV[1]
local n = call('INCR', P .. 'id')
max_events(P)
if id == '' then
    id = string.format('%.0f', n)
elseif call('EXISTS', P .. id) == 1 then
    tell_trimmed(P, 'duplicated', 'jobId', id)
    return id
end
put_new(id, ARGV[2], ARGV[3], ARGV[4], ARGV[5], ARGV[6], ARGV[7], ARGV[8] == '1')
return id
