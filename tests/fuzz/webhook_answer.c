/* Whatever a webhook's receiver answers: one verdict, a bounded wait, and no word of its secret URL. The
 * first two bytes choose the form and the status. */
#include <stdint.h>
#include <string.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"
#include "channel/webhook.h"
#include "config/config.h"
#include "property.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define TOKEN "S3cretTokenOfTheWebhook"

static const enum fetch_outcome outcomes[] = {FETCH_OK,  FETCH_OK,  FETCH_OK,       FETCH_UNREACHABLE,
                                              FETCH_CUT, FETCH_TIMEOUT, FETCH_TOO_LARGE};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const int statuses[] = {200, 204, 400, 404, 408, 410, 413, 429, 500, 502, 503, 302};
    if (size < 2)
        return 0;
    struct arena arena = {0};
    struct err err = {.message = "it broke at https://hooks.example/api/" TOKEN};
    struct config config = {.company = "c"};
    struct config_webhook webhook = {.name = "w", .form = data[0] & 1 ? "discord" : "cloudevents"};
    struct webhook_message message = {&config, &webhook, "https://hooks.example/api/" TOKEN, "e-1", NULL};
    struct fetch_response response = {
        .status = statuses[data[1] % 12], .retry_after_ms = (int64_t)data[1] * 1000 - 1, .sent = data[0] & 2};
    struct webhook_answer answer = {outcomes[(data[0] >> 2) % 7], &response, &err};
    struct webhook_judgement judgement;
    buf_put(&response.body, data + 2, size - 2);
    webhook_judge(&message, &answer, &arena, &judgement);
    PROPERTY((judgement.verdict == WEBHOOK_CONFIRMED) == !judgement.reason, "a reason, where it is none");
    PROPERTY(judgement.wait_ms >= -1 && judgement.wait_ms <= 86400000, "a wait is at most a day");
    PROPERTY(!judgement.reason || !strstr(judgement.reason, TOKEN), "no secret in a reason");
    PROPERTY(!judgement.reason || str_is_utf8(judgement.reason, strlen(judgement.reason)), "a reason is text");
    PROPERTY(!judgement.receiver_id || strlen(judgement.receiver_id) <= 100, "an id is short");
    PROPERTY(webhook_may_repeat(&webhook) || response.sent == false || judgement.verdict != WEBHOOK_RETRY ||
                 answer.outcome == FETCH_OK || answer.outcome == FETCH_TOO_LARGE,
             "what may have arrived is not sent again");
    fetch_response_fini(&response);
    arena_fini(&arena);
    return 0;
}
