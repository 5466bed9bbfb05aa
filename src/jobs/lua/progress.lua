-- id, token, JSON.
local id = ARGV[1]
if call('EXISTS', P .. id) == 0 then
    return -1
elseif call('GET', P .. id .. ':lock') ~= ARGV[2] then
    return -2
end
call('HSET', P .. id, 'progress', ARGV[3])
tell_trimmed(P, 'progress', 'jobId', id, 'data', ARGV[3])
return 0
