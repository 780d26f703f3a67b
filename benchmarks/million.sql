-- Fills the read model for benchmarks/million.py; PostgreSQL. $rows and $open are replaced by numbers.

CREATE FUNCTION pg_temp.hash(n bigint) RETURNS bigint LANGUAGE sql IMMUTABLE
    RETURN abs(hashint8(n)::bigint);

CREATE FUNCTION pg_temp.type_of(n bigint) RETURNS text LANGUAGE sql IMMUTABLE
    RETURN (ARRAY['ai_generation', 'photo_processing', 'social_syndication', 'payment_processing',
                  'revenue_calculation', 'migration', 'news_intelligence'])[n % 7 + 1];

CREATE FUNCTION pg_temp.priority_of(n bigint) RETURNS text LANGUAGE sql IMMUTABLE
    RETURN (ARRAY['normal', 'normal', 'normal', 'normal', 'high', 'low', 'low', 'critical'])[n % 8 + 1];

CREATE FUNCTION pg_temp.error_of(h bigint) RETURNS text LANGUAGE sql IMMUTABLE
    RETURN '{"type":"Unavailable","message":"no answer from https://shop' || (h % 40)
        || '.example after 3 s","retryable":true,"step":"read","attempt":5}';

CREATE FUNCTION pg_temp.fingerprint_of(h bigint, type text) RETURNS text LANGUAGE sql IMMUTABLE
    RETURN substr(md5((h % 40) || type), 1, 16);

CREATE FUNCTION pg_temp.payload_of(n bigint) RETURNS text LANGUAGE sql IMMUTABLE
    RETURN '{"photos":[{"url":"https://shop.example/' || md5(n::text) || '.jpg"}],"note":"' || repeat('x', 150) || '"}';

CREATE FUNCTION pg_temp.tags_of(n bigint, h bigint) RETURNS json LANGUAGE sql IMMUTABLE
    RETURN CASE WHEN n % 5 = 0 THEN json_build_array('tag-' || (h % 500)) ELSE '[]'::json END;

CREATE FUNCTION pg_temp.ms(since timestamptz, until timestamptz) RETURNS bigint LANGUAGE sql IMMUTABLE
    RETURN round(extract(epoch FROM until - since) * 1000);

CREATE FUNCTION pg_temp.bucket_of(ms bigint) RETURNS int LANGUAGE sql IMMUTABLE
    RETURN CASE WHEN ms < 1 THEN 0 ELSE 1 + floor(log(2, ms) * 5)::int END;

CREATE FUNCTION pg_temp.begin_of(grain text, at timestamptz) RETURNS timestamptz LANGUAGE sql IMMUTABLE
    RETURN CASE grain WHEN 'total' THEN timestamptz '1970-01-01Z' ELSE date_trunc(grain, at, 'UTC') END;

-- finished jobs

INSERT INTO jobs (
    id, tenant_id, job_type, status, status_at, priority, attempts, max_attempts, created_at, processed_at,
    completed_at, worker, depends_on, tags, metadata, correlation_id, request_hash, result_bytes, fingerprint, error,
    payload, result)
SELECT
    tenant || ':' || type || ':key-' || n, tenant, type, status, ended, pg_temp.priority_of(n), 1 + h % 3, 5, created,
    begun, ended, 'worker-' || (h % 4), '[]', pg_temp.tags_of(n, h), '{"source":"benchmark"}',
    CASE WHEN n % 3 = 0 THEN 'order-' || (h % 100000) END, md5(n::text), CASE WHEN status = 'completed' THEN 300 END,
    CASE WHEN status = 'failed' THEN pg_temp.fingerprint_of(h, type) END,
    CASE WHEN status = 'failed' THEN pg_temp.error_of(h) END,
    pg_temp.payload_of(n), CASE WHEN status = 'completed' THEN '"' || repeat('r', 298) || '"' END
FROM (
    SELECT
        n, h, created, 'tenant-' || (n % 20) AS tenant, pg_temp.type_of(n) AS type,
        created + (h % 4000) * interval '1 millisecond' AS begun,
        created + (h % 4000 + 20 + h % 977 * (h % 31)) * interval '1 millisecond' AS ended,
        CASE WHEN h % 100 < 93 THEN 'completed' WHEN h % 100 < 97 THEN 'failed' ELSE 'cancelled' END AS status
    FROM (
        SELECT
            $rows - i AS n, pg_temp.hash($rows - i) AS h,
            now() - interval '1 minute' - interval '90 days' * (($rows - i) / $rows::float) AS created
        FROM generate_series(0::bigint, $rows - 1) AS i
    ) AS numbers
) AS finished;

-- open jobs

INSERT INTO jobs (
    id, tenant_id, job_type, status, status_at, priority, attempts, max_attempts, created_at, run_at, processed_at,
    depends_on, tags, metadata, request_hash, fingerprint, error, payload)
SELECT
    tenant || ':' || type || ':open-' || n, tenant, type, status, created, pg_temp.priority_of(n), 1, 5, created,
    CASE WHEN n % 10 = 0 AND status = 'pending' THEN now() + interval '1 day' END,
    CASE WHEN status <> 'pending' THEN created END,
    '[]', pg_temp.tags_of(n, h), '{"source":"benchmark"}', md5(n::text),
    CASE WHEN status = 'dead' THEN pg_temp.fingerprint_of(h, type) END,
    CASE WHEN status = 'dead' THEN pg_temp.error_of(h) END, pg_temp.payload_of(n)
FROM (
    SELECT
        n, h, 'tenant-' || (n % 20) AS tenant, pg_temp.type_of(n) AS type,
        now() - (h % 86400) * interval '1 second' AS created,
        CASE WHEN h % 100 < 60 THEN 'pending' WHEN h % 100 < 75 THEN 'processing' WHEN h % 100 < 80 THEN 'retrying'
            ELSE 'dead' END AS status
    FROM (SELECT n, pg_temp.hash(n) AS h FROM generate_series(1::bigint, $open) AS n) AS numbers
) AS standing;

-- tags

INSERT INTO job_tags (job_id, tag)
SELECT id, json_array_elements_text(tags) FROM jobs WHERE json_array_length(tags) > 0;

-- events of every sixteenth job

INSERT INTO job_events (job_id, tenant_id, job_type, key, at, kind, message, details)
SELECT id, tenant_id, job_type, kind, created_at, kind, kind, '{}'
FROM jobs, unnest(ARRAY['accepted', 'started', 'step_started', 'step_completed', 'completed']) AS kind
WHERE request_hash < '1';

-- a call to a model for each generation

INSERT INTO model_calls (
    key, job_id, tenant_id, generation_type, provider, model, at, input_tokens, output_tokens, cost_micros, state)
SELECT id, id, tenant_id, 'blog_post', 'benchmark', 'model', completed_at, 400, 900, 2600, 'done'
FROM jobs WHERE job_type = 'ai_generation' AND completed_at IS NOT NULL;

-- roll-ups: counts

INSERT INTO job_counts (grain, at, job_type, tenant_id, status, count, wait_ms, run_ms)
SELECT
    grain, pg_temp.begin_of(grain, completed_at), job_type, tenant_id, status, count(*),
    sum(pg_temp.ms(created_at, processed_at)), sum(pg_temp.ms(processed_at, completed_at))
FROM jobs, unnest(ARRAY['minute', 'hour', 'day', 'total']) AS grain
WHERE completed_at IS NOT NULL AND (grain <> 'minute' OR completed_at > now() - interval '2 days')
    AND (grain <> 'hour' OR completed_at <= now() - interval '2 days')
GROUP BY 1, 2, 3, 4, 5;

-- roll-ups: durations

INSERT INTO job_durations (grain, at, job_type, tenant_id, measure, bucket, count)
SELECT
    grain, pg_temp.begin_of(grain, completed_at), job_type, tenant_id, measure,
    pg_temp.bucket_of(CASE measure WHEN 'wait' THEN pg_temp.ms(created_at, processed_at)
        ELSE pg_temp.ms(processed_at, completed_at) END),
    count(*)
FROM jobs, unnest(ARRAY['minute', 'hour', 'day']) AS grain, unnest(ARRAY['wait', 'run']) AS measure
WHERE completed_at IS NOT NULL AND (grain <> 'minute' OR completed_at > now() - interval '2 days')
    AND (grain <> 'hour' OR completed_at <= now() - interval '2 days')
GROUP BY 1, 2, 3, 4, 5, 6;

INSERT INTO day_durations (at, job_type, measure, bucket, count)
SELECT at, job_type, measure, bucket, sum(count) FROM job_durations WHERE grain = 'day' GROUP BY 1, 2, 3, 4;
