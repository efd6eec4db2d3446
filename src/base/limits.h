/* Every number that bounds something from outside, with its reason. Hitting one is a tested case. */
#ifndef HQ_BASE_LIMITS_H
#define HQ_BASE_LIMITS_H

enum {
    LIMIT_JSON_DEPTH = 64,               /* jansson recurses; real payloads nest under 20 */
    LIMIT_YAML_DEPTH = 64,               /* same reason for the YAML reader */
    LIMIT_YAML_KEY = 256,                /* names of agents and providers are under 40 bytes */
    LIMIT_CONFIG_BYTES = 1 << 20,        /* a company's file is a few kB */
    LIMIT_FINDINGS = 100,                /* nobody reads more at once; all errors are counted */
    LIMIT_HOOK_BODY = 262144,            /* OpenClaw's hooks.maxBodyBytes default */
    LIMIT_API_BODY = 12 << 20,           /* a 10 MB instruction must be refused by name, not by size */
    LIMIT_INSTRUCTION = 1 << 20,         /* more than any model's context */
    LIMIT_INLINE = 16384,                /* larger texts become blobs (ledger.md, row sizes) */
    LIMIT_BLOB_IN_ROW = 1 << 20,         /* larger blobs become files beside the ledger */
    LIMIT_BLOB = 64 << 20,               /* one artefact */
    LIMIT_RESULT = 4 << 20,              /* it travels twice in one batch; larger ones are artefacts */
    LIMIT_ARTEFACTS = 32,                /* of one report */
    LIMIT_BATCH_OPS = 256,               /* one model answer's calls, with room */
    LIMIT_TURNS_AT_ONCE = 8,             /* per gateway */
    LIMIT_MODEL_STEPS = 50,              /* model calls in one turn: stops a tool loop */
    LIMIT_TOOL_CALLS_PER_STEP = 64,      /* calls in one model answer */
    LIMIT_CALLS = LIMIT_MODEL_STEPS * (LIMIT_TOOL_CALLS_PER_STEP + 1), /* of one turn, in all */
    LIMIT_TOOL_OUTPUT = 200000,          /* OpenClaw keeps 200,000 characters of exec output */
    LIMIT_READ_LINES = 2000,             /* OpenClaw's read: 2000 lines / 50 KB */
    LIMIT_READ_BYTES = 51200,
    LIMIT_READ_SCAN = 64 << 20,          /* then a file's lines are "at least N" */
    LIMIT_EDIT_FILE = 16 << 20,          /* written or edited whole, in memory */
    LIMIT_EXEC_MS = 1800000,             /* OpenClaw: 1800 s */
    LIMIT_EXEC_FILES = 1024,             /* open files per process of a tool's command */
    LIMIT_EXEC_SPACE_GB = 64,            /* its address space: language runtimes reserve much */
    LIMIT_EXEC_PROCESSES = 256,          /* its processes and threads: a build, not a fork bomb */
    LIMIT_EXEC_DISK = 1 << 30,           /* bytes that one command may add to the disk */
    LIMIT_DOOR_BODY = 4 << 20,           /* one request of a command: 1 MB of instruction, and data */
    LIMIT_DOOR_MS = 10000,               /* to send a request whole, to take an answer */
    LIMIT_DOOR_AT_ONCE = 16,             /* requests of one command served at once; more wait */
    LIMIT_DOOR_REQUESTS = 10000,         /* of one command: a loop gone wild, not a long script */
    LIMIT_DOOR_MISFITS = 100,            /* messages that are no request; then nothing is read */
    LIMIT_GUARD_TEXT = 8 << 20,          /* a request to or a report of the guard */
    LIMIT_GUARD_LOCK_MS = 10000,         /* wait for an earlier command of the task to be dead */
    LIMIT_GUARD_GRACE_MS = 30000,        /* past the time limit; then the guard itself is killed */
    LIMIT_WORKSPACE_FILE = 20000,        /* bootstrapMaxChars: longer prompt files are cut 70/20 */
    LIMIT_MODEL_ANSWER = 8 << 20,        /* a provider that never stops */
    LIMIT_MODEL_STREAM = 128 << 20,      /* its events on the wire: 300 bytes and more per token */
    LIMIT_REGEX = 1000,                  /* bytes of a script's pattern; regcomp recurses */
    LIMIT_REGEX_REPEATS = 100000,        /* product of its {n}: ((a{255}){255}){255} takes GBs */
    LIMIT_REGEX_CODE = 4000,             /* of a schema's pattern: each may be visited per character */
    LIMIT_SCHEMA = 65536,                /* bytes of a result schema; a model writes some hundred */
    LIMIT_SCHEMA_WORK = 8000000,         /* looks of one check: half a second; a list of two million
                                          * numbers */
    LIMIT_SCHEMA_DEPTH = 128,            /* schemas in schemas, with $ref: the check recurses */
    LIMIT_SCHEMA_PATTERNS = 64,          /* different ones of one schema: 100 kB each */
    LIMIT_SCHEMA_FINDINGS = 5,           /* told of one misfit: what a model can mend at once */
    LIMIT_SSE_LINE = 4 << 20,            /* one event line of a stream */
    LIMIT_LEASE_MS = 15000,              /* a lost worker is noticed within this */
    LIMIT_EXTEND_MS = 5000,              /* a third of the lease */
    LIMIT_DEATHS = 20,                   /* then a task is failed as crashed */
    LIMIT_TRIES = 3,                     /* default failures of the work itself */
    LIMIT_REQUEST_KEPT_MS = 3600000,     /* how long a request id answers again */
    LIMIT_HANDLERS = 32,                 /* blocking HTTP handler threads per process */
    LIMIT_CONNECTIONS = 1000,            /* open HTTP connections per process */
    LIMIT_HEADER_BYTES = 16384,          /* one request's line and headers */
    LIMIT_HEADERS = 100,                 /* headers of one request; browsers send under 30 */
    LIMIT_QUERY_PARAMETERS = 64,         /* the widest list route has 5 */
    LIMIT_DRAIN_BODY = 64 << 20,         /* of a refused body, read so that its sender sees why */
    LIMIT_BODIES = 128 << 20,            /* bodies held by one server at once; then 503 */
    LIMIT_KEEP_ALIVE_MS = 60000,         /* an idle connection; clients of ours let go at 45 s */
    LIMIT_REQUEST_MS = 30000,            /* a request must be whole by then (slow-loris) */
    LIMIT_WAIT_MS = 600000,              /* longest parked connection */
    LIMIT_AUTH_FAILURES = 20,            /* then 429, per address and minute (OpenClaw's hooks) */
    LIMIT_AUTH_WINDOW_MS = 60000,
    LIMIT_AUTH_ADDRESSES = 2048,
    LIMIT_TREE = 10000,                  /* tasks of one request: the most that limits.tasks allows */
    LIMIT_LIST = 1000,                   /* rows in one answer; a cursor gets the rest */
    LIMIT_ROUTE_TEXT = 8192,             /* bytes of a text whose words choose an agent */
    LIMIT_CHAIN_TASKS = 300,             /* waiting tasks that status follows: each is some reads */
    LIMIT_QUEUE_PER_AGENT = 10000,       /* then 503/75: back-pressure, nothing dropped */
    LIMIT_EFFECT_ATTEMPTS = 20,          /* then a delivery is dead: after about three hours */
    LIMIT_EFFECT_FIRST_MS = 1000,        /* until the second attempt, then doubling … */
    LIMIT_EFFECT_WAIT_MS = 900000,       /* … up to this */
    LIMIT_GROUP_COMMIT = 64,             /* batches in one transaction */
    LIMIT_PRIORITIES = 8,                /* 0 to 7; three are used, and each is a look per claim */
    LIMIT_AGEING_MS = 60000,             /* ready for so long per level: as urgent as the level above */
    LIMIT_BREAKER_FAILURES = 5,          /* of one agent in a row; then others are asked instead */
    LIMIT_BREAKER_FIRST_MS = 60000,      /* doubling with each opening that no success followed */
    LIMIT_BREAKER_LAST_MS = 600000,
    LIMIT_DEPTH = 4,                     /* delegation depth (config: limits) */
    LIMIT_WRAP_UP_PART = 10,             /* a parent keeps a tenth of the time left to itself … */
    LIMIT_WRAP_UP_MIN_MS = 1000,         /* … enough to read an answer and to finish */
    LIMIT_WRAP_UP_MAX_MS = 60000,        /* … and no more than one long model call */
    LIMIT_SAME_QUESTION = 2,             /* once, and once more after it ended badly */
    LIMIT_THREAD_STACK = 512 * 1024,
};

#endif
