// What the rows of a dataset say together: their digest, their counts, whether
// their splits leak. Pure functions; they know no store.
#ifndef NEVUS_STORAGE_DATASET_DATASET_CONTENT_H_
#define NEVUS_STORAGE_DATASET_DATASET_CONTENT_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "protos/nevus/v1/dataset.pb.h"

namespace nevus {

// "train", "validation", "test"; "unspecified" for a row in no split.
std::string SplitText(v1::Split split);

// "split/label", as counts name it.
std::string CountKey(const v1::Example& row);

// True if the row says that its image was generated, not photographed.
bool IsSynthetic(const v1::Example& row);

// SHA-256 over every field of `rows`: the same rows, the same digest.
// REQUIRES: rows are in order of id. docs/storage_format.md defines it.
std::string DatasetDigest(const std::vector<v1::Example>& rows);

// OK unless a group stands in two splits: FAILED_PRECONDITION
// GROUP_IN_TWO_SPLITS, naming two ids. Rows in no split are not used and cannot
// leak.
absl::Status CheckSplits(const std::vector<v1::Example>& rows);

// The images that stand in more than one split, in order of digest: found, not
// refused (docs/adr/0010). Rows in no split do not count.
std::vector<v1::SharedImage> FindSharedImages(
    const std::vector<v1::Example>& rows);

// Which field of `offered` contradicts `stored`, as words with both values; ""
// if none. An offer without a split has no wish about it.
std::string FindConflict(const v1::Example& stored, const v1::Example& offered);

}  // namespace nevus

#endif  // NEVUS_STORAGE_DATASET_DATASET_CONTENT_H_
