// `--operating-point screening:sensitivity=0.95`: the text of the flags into
// the contract's rules. Pure.
#ifndef NEVUS_CLIENTS_NEVUS_OPERATING_POINTS_H_
#define NEVUS_CLIENTS_NEVUS_OPERATING_POINTS_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "protos/nevus/v1/job.pb.h"

namespace nevus {

// Each text is NAME:sensitivity=S, NAME:specificity=S, NAME:cost=R or
// NAME:youden. USAGE errors; what the numbers may be is for the server to say,
// which knows it for every client.
absl::StatusOr<google::protobuf::RepeatedPtrField<v1::OperatingPointRule>>
ParseOperatingPoints(const std::vector<std::string>& texts);

}  // namespace nevus

#endif  // NEVUS_CLIENTS_NEVUS_OPERATING_POINTS_H_
