// What an evaluation found, on the command line.
#ifndef NEVUS_CLIENTS_NEVUS_EVALUATION_H_
#define NEVUS_CLIENTS_NEVUS_EVALUATION_H_

#include "absl/status/status.h"
#include "clients/nevus/context.h"

namespace nevus {

// Prints an evaluation, after writing its report where --report says, if it
// does. Errors: those of GetEvaluation and of writing the file.
absl::Status ShowEvaluation(const v1::GetEvaluationRequest& which,
                            Context& context);

}  // namespace nevus

#endif  // NEVUS_CLIENTS_NEVUS_EVALUATION_H_
