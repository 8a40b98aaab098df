// Features on a disk of the worker's own while it trains on them: read once
// from the service that keeps them, then again and again, in any order.
//
// An unnamed file: it is gone when the spool is, also when the process is
// killed. Knows no service.
#ifndef NEVUS_SERVICES_TRAINING_FEATURE_SPOOL_H_
#define NEVUS_SERVICES_TRAINING_FEATURE_SPOOL_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "compute/classifier/feature_rows.h"

namespace nevus {

// First filled by one thread, then read by any number.
class FeatureSpool : public FeatureRows {
 public:
  // In the directory TMPDIR, or /var/tmp if that is not set: not /tmp, which
  // may be memory. FAILED_PRECONDITION: SPOOL_UNUSABLE, naming it.
  static absl::StatusOr<std::unique_ptr<FeatureSpool>> Create(int dimension);
  ~FeatureSpool() override;

  // The next feature, `dimension` packed numbers (base/packed_floats.h).
  // RESOURCE_EXHAUSTED: DISK_FULL.
  absl::Status Add(std::string_view packed);
  // Nothing more comes: row i is the feature added as number added[i], from 0.
  absl::Status Finish(std::vector<int64_t> added);

  // DATA_LOSS (SPOOL_DAMAGED): what is read is not what was added.
  absl::Status Read(const int64_t* rows, size_t count,
                    float* to) const override;
  void Expect(const int64_t* rows, size_t count) const override;

  int64_t bytes() const { return bytes_; }

 private:
  struct Added {
    int64_t at = 0;
    int64_t size = 0;
    size_t checksum = 0;
  };

  // Frees a buffer that is aligned as direct writes want it.
  struct Free {
    void operator()(char* bytes) const;
  };

  FeatureSpool(std::string directory, int file, int dimension);
  // Writes what is in the buffer.
  absl::Status Flush();
  absl::Status Error(const std::string& doing) const;

  const std::string directory_;
  const int file_;
  const size_t dimension_;
  std::vector<Added> added_;
  std::vector<int64_t> rows_;
  std::unique_ptr<char, Free> buffer_;
  size_t buffered_ = 0;  // bytes in it: added and not yet written
  int64_t bytes_ = 0;    // added
};

}  // namespace nevus

#endif  // NEVUS_SERVICES_TRAINING_FEATURE_SPOOL_H_
