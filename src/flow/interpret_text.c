/* The words of a task. Values of inputs are spliced in only where they can do no harm: one line,
 * short, without control characters. Others travel as data, and the text says so. */
#include <string.h>

#include "base/arena.h"
#include "base/json.h"
#include "base/str.h"
#include "flow/interpret_state.h"

json_t *run_task_text(struct flow_run *run, const struct flow_step *spec, json_t *data)
{
    struct expr_scope scope = run_scope(run);
    return spec->task ? flow_value_eval(spec->task, &scope) : json_string("");
}
