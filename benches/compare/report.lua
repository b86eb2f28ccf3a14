-- A wrk script: `wrk -s report.lua ... -- METHOD [KEYS [no-store]]`.
-- With KEYS, each request asks for one of that many keys by chance: twelve digits are put behind the path.
-- Prints one line for ./run: requests, microseconds, median latency in microseconds, failures.

function init(args)
    wrk.method = args[1]
    wrk.headers["X-API-Key"] = "bench-token"
    if args[3] then wrk.headers["Cache-Control"] = args[3] end
    local keys = tonumber(args[2] or 0)
    if keys > 0 then
        local requests = {}
        for key = 1, keys do
            requests[key] = wrk.format(nil, wrk.path .. string.format("%012d", key - 1))
        end
        request = function() return requests[math.random(keys)] end
    end
end

function done(summary, latency)
    local errors = summary.errors
    local failures = errors.connect + errors.read + errors.write + errors.status + errors.timeout
    print("RESULT", summary.requests, summary.duration, latency:percentile(50), failures)
end
