// Draws which examples are learned from and which are kept to choose and to
// report: a step of dataset, between the draft and its sealed version. A pure
// function of rows, fractions and seed: no store, no clock, no generator of the
// machine's.
#ifndef NEVUS_SERVICES_INGESTION_SPLIT_H_
#define NEVUS_SERVICES_INGESTION_SPLIT_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "protos/nevus/v1/dataset.pb.h"

namespace nevus {

// Shares of the groups: each 0 to 1, together 1 (within 1e-6).
struct SplitFractions {
  double train = 0;
  double validation = 0;
  double test = 0;
};

// The split of each row of `rows`, by id. REQUIRES: `rows` are in order of id.
//
// Rows that have a group or an image in common fall whole into one split, so
// that the result can be sealed. Such groups are stratified by label; one with
// several labels counts as the rarest of them in `rows`, so that rare classes
// are spread evenly. Among the groups of each label, the number in a split is
// within one of its fraction. The order they are drawn in is that of
// SHA-256(seed, first id): the same on every machine.
//
// Errors: INVALID_ARGUMENT (FRACTIONS_INVALID).
absl::StatusOr<std::map<std::string, v1::Split>> DrawSplits(
    const std::vector<v1::Example>& rows, const SplitFractions& fractions,
    uint64_t seed);

}  // namespace nevus

#endif  // NEVUS_SERVICES_INGESTION_SPLIT_H_
