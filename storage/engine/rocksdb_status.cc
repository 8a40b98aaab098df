#include "storage/engine/rocksdb_status.h"

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "base/status.h"

namespace nevus {
namespace {

// When to try again on a full disk: somebody has to make room meanwhile.
constexpr absl::Duration kDiskFullRetry = absl::Seconds(10);

absl::Status Damaged(const std::string& message) {
  return WithReason(
      absl::DataLossError(absl::StrCat(
          message, "; stored bytes are damaged: restore them from a backup")),
      "STORE_DAMAGED");
}

}  // namespace

absl::Status FromRocksDb(const rocksdb::Status& status,
                         const std::string& what) {
  if (status.ok()) return absl::OkStatus();
  const std::string message = absl::StrCat(what, ": ", status.ToString());
  if (status.IsNotFound()) return absl::NotFoundError(message);
  if (status.IsCorruption()) return Damaged(message);
  if (status.IsNoSpace()) {
    return WithRetryDelay(WithReason(absl::ResourceExhaustedError(absl::StrCat(
                                         message,
                                         "; the disk is full: "
                                         "free some space, then try again")),
                                     "DISK_FULL"),
                          kDiskFullRetry);
  }
  if (status.IsIOError()) {
    return WithReason(
        absl::InternalError(absl::StrCat(
            message,
            "; the disk failed. What was acknowledged is safe; nothing more "
            "is stored until nevusd is started again: look at the disk first")),
        "DISK_FAILED");
  }
  return absl::InternalError(message);
}

absl::Status OpenError(const rocksdb::Status& status, const std::string& dir) {
  const std::string text = status.ToString();
  // RocksDB has no code for it: the two messages of a lock that is held by
  // another process and by this one.
  if (text.find("While lock file") != std::string::npos ||
      text.find("lock hold by current process") != std::string::npos) {
    return WithReason(
        absl::FailedPreconditionError(absl::StrCat(
            "the store in ", dir, " is locked: another process has it open; ",
            "stop that one, or give this one a data directory of its own")),
        "STORE_LOCKED");
  }
  const std::string what = "opening the store in " + dir;
  // A store that is not there is made; so what is missing is a part of one.
  if (status.IsNotFound() || status.IsPathNotFound()) {
    return Damaged(absl::StrCat(what, ": ", text));
  }
  return FromRocksDb(status, what);
}

}  // namespace nevus
