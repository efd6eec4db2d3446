/* What a finished Chat Completions stream becomes: the answer in the record's form. */
#ifndef HQ_MODEL_OPENAI_ANSWER_H
#define HQ_MODEL_OPENAI_ANSWER_H

#include "model/openai_stream.h"

/* Builds answer->message (the caller's) and usage from a stream that ended well. MODEL_OK,
 * MODEL_MALFORMED (a call without a name, a tool_calls end without calls) or MODEL_REFUSED
 * (filtered before anything was said) with *err. */
enum model_outcome openai_answer(struct openai_stream *stream, struct model_answer *answer,
                                 struct err *err);

#endif
