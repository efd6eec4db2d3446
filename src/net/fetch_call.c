/* One HTTP call: options, callbacks, and a loop that polls until the answer is whole, a phase's
 * deadline passes or somebody cancels. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/err.h"
#include "base/hash.h"
#include "base/limits.h"
#include "base/str.h"
#include "base/time.h"
#include "net/fetch_call.h"

enum {
    FETCH_CONNECT_MS = 10000,
    FETCH_TOTAL_MS = 600000,
    FETCH_KEEP_S = 45, /* shorter than http_server keeps an idle connection */
};

enum fetch_phase { FETCH_CONNECTING, FETCH_WAITING, FETCH_READING };

struct fetch_call {
    struct fetch_handle *handle;
    const struct fetch_request *request;
    struct fetch_response *response;
    struct curl_slist *headers;
    int dir_fd;
    enum fetch_phase phase;
    int64_t started, moved; /* time_boot_ms(): start; the last byte either way */
    int64_t ticked;         /* … when the caller had its turn last */
    curl_off_t uploaded;
    size_t received;
    enum fetch_outcome stop; /* why a callback ended the transfer */
};

static curl_socket_t on_open_socket(void *ctx, curlsocktype purpose, struct curl_sockaddr *address)
{
    struct fetch_call *call = ctx;
    const struct fetch_request *request = call->request;
    if (request->unix_dir) {
        /* The library knows the socket by a short stand-in; the real folder may have any length. */
        struct sockaddr_un real = {.sun_family = AF_UNIX};
        if (call->dir_fd < 0)
            call->dir_fd = open(request->unix_dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
        int len = snprintf(real.sun_path, sizeof(real.sun_path), "/proc/self/fd/%d/%s",
                           call->dir_fd, request->unix_name);
        if (call->dir_fd < 0 || len >= (int)sizeof(real.sun_path))
            return CURL_SOCKET_BAD;
        address->addrlen = sizeof(real);
        memcpy((void *)&address->addr, &real, sizeof(real));
    }
    return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

/* The connection stands; from here on the server may see the request. */
static int on_request(void *ctx, char *ip, char *local_ip, int port, int local_port)
{
    struct fetch_call *call = ctx;
    call->phase = FETCH_WAITING;
    call->moved = time_boot_ms();
    call->response->sent = true;
    return CURL_PREREQFUNC_OK;
}

/* Retry-After is seconds or an HTTP-date (RFC 9110, section 10.2.3). More than a year is a year: a
 * date may be of any year at all. */
static int64_t retry_after_parse(const char *value)
{
    enum { YEAR = 365 * 86400 };
    int64_t seconds;
    if (str_to_int(value, 0, YEAR, &seconds))
        return seconds * 1000;
    time_t date = curl_getdate(value, NULL);
    if (date < 0)
        return -1;
    int64_t now = time_wall_ms();
    if (date > now / 1000 + YEAR)
        return YEAR * INT64_C(1000);
    int64_t ms = (int64_t)date * 1000 - now;
    return ms > 0 ? ms : 0;
}

static void header_value(const char *line, size_t len, size_t name_len, char value[64])
{
    const char *start = line + name_len, *end = line + len;
    while (start < end && (*start == ' ' || *start == '\t'))
        start++;
    while (end > start && strchr(" \t\r\n", end[-1]))
        end--;
    snprintf(value, 64, "%.*s", (int)(end - start), start);
}

static size_t on_header(char *line, size_t size, size_t len, void *ctx)
{
    static const char name[] = "retry-after:";
    struct fetch_call *call = ctx;
    call->phase = FETCH_READING;
    call->moved = time_boot_ms();
    if (len > 5 && memcmp(line, "HTTP/", 5) == 0)
        call->response->retry_after_ms = -1; /* an interim answer's was not meant */
    if (len > sizeof(name) - 1 && strncasecmp(line, name, sizeof(name) - 1) == 0) {
        char value[64];
        header_value(line, len, sizeof(name) - 1, value);
        call->response->retry_after_ms = retry_after_parse(value);
    }
    return len;
}

static size_t on_body(char *bytes, size_t size, size_t len, void *ctx)
{
    struct fetch_call *call = ctx;
    const struct fetch_request *request = call->request;
    size_t max = request->max_body ? request->max_body : LIMIT_MODEL_ANSWER;
    long status = 0;
    call->received += len;
    if (call->received > max) {
        call->stop = FETCH_TOO_LARGE;
        return 0;
    }
    curl_easy_getinfo(call->handle->easy, CURLINFO_RESPONSE_CODE, &status);
    if (!request->on_piece || status < 200 || status > 299)
        buf_put(&call->response->body, bytes, len);
    else if (request->on_piece(request->ctx, bytes, len) != 0)
        call->stop = FETCH_STOPPED;
    call->moved = time_boot_ms(); /* after on_piece: its time is not the server's */
    return call->stop == FETCH_OK ? len : 0;
}

static bool host_is_loopback(const char *url)
{
    const char *host = strstr(url, "://");
    host = host ? host + 3 : url;
    size_t len = strcspn(host, "/?#");
    const char *user = memchr(host, '@', len);
    if (user)
        host = user + 1;
    return str_starts(host, "127.") || str_starts(host, "[::1]") ||
           (strncasecmp(host, "localhost", 9) == 0 && strchr(":/?#", host[9]));
}

static void call_set_target(struct fetch_call *call)
{
    const struct fetch_request *request = call->request;
    CURL *easy = call->handle->easy;
    const char *ca_path = getenv("SSL_CERT_DIR"); /* OpenSSL's own name for it */
    curl_easy_setopt(easy, CURLOPT_URL, request->url);
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    /* A CA bundle file costs 78 ms and 850 kB per handle; a hashed folder is read as needed. */
    curl_easy_setopt(easy, CURLOPT_CAINFO, NULL);
    curl_easy_setopt(easy, CURLOPT_CAPATH, ca_path && *ca_path ? ca_path : "/etc/ssl/certs");
    if (request->unix_dir || host_is_loopback(request->url))
        curl_easy_setopt(easy, CURLOPT_PROXY, "");
    if (request->unix_dir) {
        /* Stands in for the path, so that connections are reused for the same socket only. */
        char hex[HASH_HEX];
        hash_hex(call->handle->origin, strlen(call->handle->origin), hex);
        curl_easy_setopt(easy, CURLOPT_UNIX_SOCKET_PATH, hex);
    }
}

static void call_set_connection(struct fetch_call *call)
{
    CURL *easy = call->handle->easy;
    int64_t connect_ms =
        call->request->connect_ms > 0 ? call->request->connect_ms : FETCH_CONNECT_MS;
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L); /* never wait for a name server to cancel */
    curl_easy_setopt(easy, CURLOPT_TCP_NODELAY, 1L);
    curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
    curl_easy_setopt(easy, CURLOPT_MAXAGE_CONN, (long)FETCH_KEEP_S);
    curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, call->request->once ? 1L : 0L);
    curl_easy_setopt(easy, CURLOPT_FORBID_REUSE, call->request->once ? 1L : 0L);
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)connect_ms);
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, call->handle->error);
    curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, on_open_socket);
    curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, call);
    curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, on_request);
    curl_easy_setopt(easy, CURLOPT_PREREQDATA, call);
    curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(easy, CURLOPT_HEADERDATA, call);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, call);
}

static void call_set_method(struct fetch_call *call)
{
    const struct fetch_request *request = call->request;
    CURL *easy = call->handle->easy;
    bool posts = request->body || str_eq(request->method, "POST") ||
                 str_eq(request->method, "PUT") || str_eq(request->method, "PATCH");
    if (posts) {
        curl_easy_setopt(easy, CURLOPT_POSTFIELDS, request->body ? request->body : "");
        curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body_len);
    }
    if (str_eq(request->method, "HEAD"))
        curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
    else if (request->method && !str_eq(request->method, posts ? "POST" : "GET"))
        curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, request->method);
}

/* Returns false when a header would break out of its line. */
static bool call_set_headers(struct fetch_call *call)
{
    bool has_type = false;
    for (const char *const *header = call->request->headers; header && *header; header++) {
        if (strpbrk(*header, "\r\n"))
            return false;
        has_type = has_type || strncasecmp(*header, "Content-Type:", 13) == 0;
        call->headers = curl_slist_append(call->headers, *header);
    }
    call->headers = curl_slist_append(call->headers, "Expect:"); /* costs a round trip */
    if (!has_type)
        call->headers = curl_slist_append(call->headers, "Content-Type:"); /* no form by default */
    curl_easy_setopt(call->handle->easy, CURLOPT_USERAGENT, "hq/" HQ_VERSION);
    curl_easy_setopt(call->handle->easy, CURLOPT_HTTPHEADER, call->headers);
    return true;
}

struct fetch_deadline {
    int64_t at;
    const char *phase;
    int64_t ms;
};

static void deadline_take_nearer(struct fetch_deadline *nearest, int64_t from, int64_t ms,
                                 const char *phase)
{
    if (ms > 0 && from + ms < nearest->at)
        *nearest = (struct fetch_deadline){from + ms, phase, ms};
}

static struct fetch_deadline call_deadline(struct fetch_call *call)
{
    const struct fetch_request *request = call->request;
    struct fetch_deadline nearest = {INT64_MAX, "", 0};
    curl_off_t uploaded = 0;
    curl_easy_getinfo(call->handle->easy, CURLINFO_SIZE_UPLOAD_T, &uploaded);
    if (uploaded != call->uploaded) {
        call->uploaded = uploaded;
        call->moved = time_boot_ms();
    }
    deadline_take_nearer(&nearest, call->started,
                         request->total_ms > 0 ? request->total_ms : FETCH_TOTAL_MS,
                         "the whole answer");
    if (call->phase == FETCH_CONNECTING)
        deadline_take_nearer(&nearest, call->started,
                             request->connect_ms > 0 ? request->connect_ms : FETCH_CONNECT_MS,
                             "the connection");
    if (call->phase == FETCH_WAITING)
        deadline_take_nearer(&nearest, call->moved, request->first_byte_ms, "the first byte");
    if (call->phase == FETCH_READING)
        deadline_take_nearer(&nearest, call->moved, request->idle_ms, "the next piece");
    return nearest;
}

static enum fetch_outcome call_timed_out(struct fetch_call *call,
                                         const struct fetch_deadline *deadline, struct err *err)
{
    err_set(err, "timeout", "%s: %s did not come within %lld ms", call->handle->origin,
            deadline->phase, (long long)deadline->ms);
    return FETCH_TIMEOUT;
}

/* Sorts the library's result into ours. */
static enum fetch_outcome call_result(struct fetch_call *call, CURLcode code, struct err *err)
{
    const char *origin = call->handle->origin;
    const char *why = call->handle->error[0] ? call->handle->error : curl_easy_strerror(code);
    if (call->stop == FETCH_TOO_LARGE) {
        err_set(err, "too_large", "%s: the answer is over %zu bytes", origin,
                call->request->max_body ? call->request->max_body : (size_t)LIMIT_MODEL_ANSWER);
        return FETCH_TOO_LARGE;
    }
    if (call->stop == FETCH_STOPPED) {
        err_set(err, "stopped", "%s: the reader of the answer wanted no more", origin);
        return FETCH_STOPPED;
    }
    if (code == CURLE_OK)
        return FETCH_OK;
    if (code == CURLE_OPERATION_TIMEDOUT) {
        struct fetch_deadline deadline = call_deadline(call);
        return call_timed_out(call, &deadline, err);
    }
    if (call->response->sent) {
        err_set(err, "cut", "%s: the connection ended before the answer did: %s", origin, why);
        return FETCH_CUT;
    }
    err_set(err, "unreachable", "cannot reach %s: %s", origin, why);
    return FETCH_UNREACHABLE;
}

/* Returns true when the transfer is over, with the library's result in *code. */
static bool call_is_over(struct fetch_handle *handle, CURLcode *code)
{
    int left;
    for (CURLMsg *message; (message = curl_multi_info_read(handle->multi, &left));) {
        if (message->msg == CURLMSG_DONE) {
            *code = message->data.result;
            return true;
        }
    }
    return false;
}

/* The caller's turn, where it is due. Returns false when it wants no more; *left becomes what may be
 * waited for. */
static bool call_tick(struct fetch_call *call, int64_t *left)
{
    const struct fetch_request *request = call->request;
    if (!request->on_tick)
        return true;
    int64_t due = call->ticked + request->tick_ms - time_boot_ms();
    if (due <= 0) {
        if (request->on_tick(request->ctx) != 0)
            return false;
        call->ticked = time_boot_ms();
        due = request->tick_ms;
    }
    *left = due < *left ? due : *left;
    return true;
}

static enum fetch_outcome call_loop(struct fetch_call *call, struct err *err)
{
    struct fetch_handle *handle = call->handle;
    for (;;) {
        int running;
        CURLcode code = CURLE_OK;
        if (fetch_is_cancelled(call->request->cancel)) {
            err_set(err, "cancelled", "%s: the call was cancelled", handle->origin);
            return FETCH_CANCELLED;
        }
        CURLMcode multi_code = curl_multi_perform(handle->multi, &running);
        if (multi_code != CURLM_OK) {
            err_set(err, "unreachable", "%s: %s", handle->origin, curl_multi_strerror(multi_code));
            return call->response->sent ? FETCH_CUT : FETCH_UNREACHABLE;
        }
        if (call_is_over(handle, &code))
            return call_result(call, code, err);
        struct fetch_deadline deadline = call_deadline(call);
        int64_t left = deadline.at - time_boot_ms();
        if (left <= 0)
            return call_timed_out(call, &deadline, err);
        if (!call_tick(call, &left)) {
            call->stop = FETCH_STOPPED;
            return call_result(call, CURLE_OK, err);
        }
        curl_multi_poll(handle->multi, NULL, 0, left > 60000 ? 60000 : (int)left, NULL);
    }
}

static enum fetch_outcome call_perform(struct fetch_call *call, struct err *err)
{
    struct fetch_running running = {.multi = call->handle->multi};
    long status = 0;
    fetch_cancel_enter(call->request->cancel, &running);
    curl_multi_add_handle(call->handle->multi, call->handle->easy);
    enum fetch_outcome outcome = call_loop(call, err);
    curl_easy_getinfo(call->handle->easy, CURLINFO_RESPONSE_CODE, &status);
    call->response->status = (int)status;
    curl_multi_remove_handle(call->handle->multi, call->handle->easy);
    fetch_cancel_leave(call->request->cancel, &running);
    return outcome;
}

enum fetch_outcome fetch_call_run(struct fetch_handle *handle, const struct fetch_request *request,
                                  struct fetch_response *response, struct err *err)
{
    struct fetch_call call = {.handle = handle,
                              .request = request,
                              .response = response,
                              .dir_fd = -1,
                              .started = time_boot_ms()};
    call.ticked = call.started;
    enum fetch_outcome outcome = FETCH_UNREACHABLE;
    handle->error[0] = '\0';
    call_set_target(&call);
    call_set_connection(&call);
    call_set_method(&call);
    if (call_set_headers(&call))
        outcome = call_perform(&call, err);
    else
        err_set(err, "bad_header", "a header for %s contains a line break", handle->origin);
    curl_easy_reset(handle->easy);
    curl_slist_free_all(call.headers);
    if (call.dir_fd >= 0)
        close(call.dir_fd);
    return outcome;
}
