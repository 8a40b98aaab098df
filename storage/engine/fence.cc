#include "storage/engine/fence.h"

#include <cstdint>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "base/name.h"
#include "base/status.h"
#include "storage/engine/record.h"

namespace nevus {

std::string TaskKey(const v1::Lease& lease) {
  return Key({lease.job(), absl::StrCat(lease.task())});
}

absl::Status CheckFence(const KeyValueStore& store, const v1::Lease& lease,
                        std::vector<Mutation>& batch) {
  if (!CheckName("job", lease.job()).ok() || lease.task() < 0 ||
      lease.fencing_token() < 1) {
    return WithReason(
        absl::InvalidArgumentError(absl::StrCat(
            "the lease (job ", Quoted(lease.job()), ", task ", lease.task(),
            ", token ", lease.fencing_token(),
            ") is none that a scheduler gave; send the lease of the task")),
        "LEASE_INVALID");
  }
  const std::string key = Key({"fence", TaskKey(lease)});
  const absl::StatusOr<std::string> text = GetText(store, key);
  int64_t newest = 0;
  if (text.ok()) {
    if (!absl::SimpleAtoi(*text, &newest)) {
      return DamagedValue(key, "is no number");
    }
  } else if (!absl::IsNotFound(text.status())) {
    return text.status();
  }
  if (lease.fencing_token() < newest) {
    return WithReason(
        absl::AbortedError(absl::StrCat(
            "token ", lease.fencing_token(), " of task ", lease.task(),
            " of job ", lease.job(), " is stale: token ", newest,
            " wrote before; drop the result, another worker has the task")),
        "FENCING_TOKEN_STALE");
  }
  if (lease.fencing_token() > newest) {
    batch.push_back(PutText(key, absl::StrCat(lease.fencing_token())));
  }
  return absl::OkStatus();
}

}  // namespace nevus
