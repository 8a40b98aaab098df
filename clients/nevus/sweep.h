// `--sweep hidden=0,64,256 --sweep seed=1..5`: the text of the flags into the
// contract's Sweep. Pure.
#ifndef NEVUS_CLIENTS_NEVUS_SWEEP_H_
#define NEVUS_CLIENTS_NEVUS_SWEEP_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "protos/nevus/v1/model.pb.h"

namespace nevus {

// As model.proto has them.
inline constexpr int64_t kMaxHidden = 4096;
inline constexpr int64_t kMaxSweep = 1000;

// Each text is NAME=VALUES: NAME is hidden or seed, each at most once, VALUES
// numbers and inclusive ranges A..B, joined by commas, none twice. USAGE
// errors, also for more than kMaxSweep combinations.
absl::StatusOr<v1::Sweep> ParseSweep(const std::vector<std::string>& texts);

// How many classifiers it trains.
int64_t Combinations(const v1::Sweep& sweep);

}  // namespace nevus

#endif  // NEVUS_CLIENTS_NEVUS_SWEEP_H_
