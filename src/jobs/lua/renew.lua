-- lock ms, then ids and tokens: the ids that are held by others now.
local lost = {}
for i = 2, #ARGV, 2 do
    local k = P .. ARGV[i] .. ':lock'
    if call('GET', k) == ARGV[i + 1] then
        call('SET', k, ARGV[i + 1], 'PX', ARGV[1])
        call('SREM', P .. 'stalled', ARGV[i])
    else
        lost[#lost + 1] = ARGV[i]
    end
end
return lost
