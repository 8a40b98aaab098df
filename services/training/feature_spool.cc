#include "services/training/feature_spool.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <new>
#include <utility>

#include "absl/hash/hash.h"
#include "absl/strings/str_cat.h"
#include "base/name.h"
#include "base/packed_floats.h"
#include "base/status.h"

namespace nevus {
namespace {

// Written together; whole blocks of any disk, at an address that is one too.
constexpr size_t kBufferBytes = 1 << 20;
constexpr size_t kBlockBytes = 4096;
static_assert(kBufferBytes % kBlockBytes == 0, "open(2), O_DIRECT");

// Within this process alone: nobody else reads the file. SHA-256, as what is
// stored has (base/digest.h), would take a fifth of a reading's time.
size_t ChecksumOf(std::string_view bytes) {
  return absl::Hash<std::string_view>()(bytes);
}

// Whether writes go past the page cache. A kernel keeps only so much that is
// not on the disk yet, and then writes at the disk's pace for small blocks:
// with 5 GB 0.3 GB/s, where direct writes reach 1.1 (docs/benchmarks.md). Some
// file systems have no direct writes; there it is the cache.
void SetDirect(int file, bool direct) {
  const int flags = fcntl(file, F_GETFL);
  if (flags >= 0) {
    (void)fcntl(file, F_SETFL, direct ? flags | O_DIRECT : flags & ~O_DIRECT);
  }
}

std::string SpoolDirectory() {
  const char* const chosen = std::getenv("TMPDIR");
  return chosen != nullptr && *chosen != '\0' ? chosen : "/var/tmp";
}

}  // namespace

absl::StatusOr<std::unique_ptr<FeatureSpool>> FeatureSpool::Create(
    int dimension) {
  std::string directory = SpoolDirectory();
  int file = open(directory.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
  if (file < 0 && (errno == EOPNOTSUPP || errno == EISDIR)) {
    // A file system without unnamed files.
    std::string path = directory + "/nevus-spool-XXXXXX";
    file = mkostemp(path.data(), O_CLOEXEC);
    if (file >= 0) unlink(path.c_str());
  }
  if (file < 0) {
    return WithReason(
        absl::FailedPreconditionError(absl::StrCat(
            "cannot make a temporary file in ", Quoted(directory), ": ",
            std::strerror(errno),
            "; features that do not fit into memory go there. Set TMPDIR to a "
            "directory on a disk that this worker may write")),
        "SPOOL_UNUSABLE");
  }
  return std::unique_ptr<FeatureSpool>(
      new FeatureSpool(std::move(directory), file, dimension));
}

FeatureSpool::FeatureSpool(std::string directory, int file, int dimension)
    : directory_(std::move(directory)),
      file_(file),
      dimension_(dimension),
      buffer_(static_cast<char*>(
          ::operator new(kBufferBytes, std::align_val_t(kBlockBytes)))) {
  SetDirect(file_, true);
}

void FeatureSpool::Free::operator()(char* bytes) const {
  ::operator delete(bytes, std::align_val_t(kBlockBytes));
}

FeatureSpool::~FeatureSpool() { close(file_); }

absl::Status FeatureSpool::Error(const std::string& doing) const {
  const std::string message = absl::StrCat(
      doing, " features in ", Quoted(directory_), ": ", std::strerror(errno));
  if (errno == ENOSPC || errno == EDQUOT) {
    return WithReason(
        absl::ResourceExhaustedError(absl::StrCat(
            message, "; ", bytes_,
            " bytes are needed there so far. Make room, or set TMPDIR to a "
            "larger disk")),
        "DISK_FULL");
  }
  return absl::InternalError(absl::StrCat(message, "; check the disk"));
}

absl::Status FeatureSpool::Add(std::string_view packed) {
  added_.push_back(
      {bytes_, static_cast<int64_t>(packed.size()), ChecksumOf(packed)});
  bytes_ += static_cast<int64_t>(packed.size());
  while (!packed.empty()) {
    const size_t fits = std::min(packed.size(), kBufferBytes - buffered_);
    std::memcpy(buffer_.get() + buffered_, packed.data(), fits);
    buffered_ += fits;
    packed.remove_prefix(fits);
    if (buffered_ == kBufferBytes) RETURN_IF_ERROR(Flush());
  }
  return absl::OkStatus();
}

absl::Status FeatureSpool::Flush() {
  // Not whole blocks: the end, or the rest of what was written in part.
  for (size_t done = 0; done < buffered_;) {
    if ((buffered_ - done) % kBlockBytes != 0) SetDirect(file_, false);
    const ssize_t written =
        write(file_, buffer_.get() + done, buffered_ - done);
    if (written >= 0) {
      done += static_cast<size_t>(written);
    } else if (errno == EINVAL && (fcntl(file_, F_GETFL) & O_DIRECT) != 0) {
      SetDirect(file_, false);  // larger blocks than any known
    } else if (errno != EINTR) {
      return Error("writing");
    }
  }
  buffered_ = 0;
  return absl::OkStatus();
}

absl::Status FeatureSpool::Finish(std::vector<int64_t> added) {
  rows_ = std::move(added);
  RETURN_IF_ERROR(Flush());
  buffer_.reset();
  SetDirect(file_, false);
  // Rows come in random order: what stands beside one is not wanted next.
  posix_fadvise(file_, 0, 0, POSIX_FADV_RANDOM);
  return absl::OkStatus();
}

absl::Status FeatureSpool::Read(const int64_t* rows, size_t count,
                                float* to) const {
  std::string bytes;
  for (size_t i = 0; i < count; ++i) {
    const Added& feature = added_[rows_[rows[i]]];
    bytes.resize(feature.size);
    for (size_t done = 0; done < bytes.size();) {
      const ssize_t got = pread(file_, &bytes[done], bytes.size() - done,
                                feature.at + static_cast<int64_t>(done));
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) return Error("reading");
      if (got == 0) break;
      done += static_cast<size_t>(got);
    }
    if (ChecksumOf(bytes) != feature.checksum || !IsPacked(bytes, dimension_)) {
      return WithReason(
          absl::DataLossError(absl::StrCat(
              "the feature of row ", rows[i], " comes back from ",
              Quoted(directory_),
              " with other bytes than were written. Check that disk and the "
              "memory, then train again")),
          "SPOOL_DAMAGED");
    }
    UnpackFloats(bytes, dimension_, to);
    to += dimension_;
  }
  return absl::OkStatus();
}

void FeatureSpool::Expect(const int64_t* rows, size_t count) const {
  for (size_t i = 0; i < count; ++i) {
    const Added& feature = added_[rows_[rows[i]]];
    posix_fadvise(file_, feature.at, feature.size, POSIX_FADV_WILLNEED);
  }
}

}  // namespace nevus
