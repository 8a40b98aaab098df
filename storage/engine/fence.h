// Fencing: the newest lease of a task wins. A store remembers the largest token
// that wrote for each task and refuses a smaller one, so that a worker that
// lost its lease without knowing can store nothing.
#ifndef NEVUS_STORAGE_ENGINE_FENCE_H_
#define NEVUS_STORAGE_ENGINE_FENCE_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "protos/nevus/v1/job.pb.h"
#include "storage/engine/key_value_store.h"

namespace nevus {

// Checks `lease` against what `store` remembers and adds to `batch` what it has
// to remember from now on. The caller holds a lock from here to Apply(batch).
// Errors: INVALID_ARGUMENT: no lease of a scheduler (LEASE_INVALID); ABORTED: a
// newer lease of the same task wrote before (FENCING_TOKEN_STALE).
absl::Status CheckFence(const KeyValueStore& store, const v1::Lease& lease,
                        std::vector<Mutation>& batch);

// The lease's task as parts of a key: "j-0123456789ab!7".
std::string TaskKey(const v1::Lease& lease);

}  // namespace nevus

#endif  // NEVUS_STORAGE_ENGINE_FENCE_H_
