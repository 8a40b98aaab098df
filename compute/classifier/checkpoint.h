// The state of a training between two epochs, as bytes and back, so that a
// training that was broken off goes on as if nothing had happened.
//
// feature -> [training] -> model. Split from train.cc, which LibTorch makes
// slow to compile; knows no tensor, and not where the bytes are kept.
#ifndef NEVUS_COMPUTE_CLASSIFIER_CHECKPOINT_H_
#define NEVUS_COMPUTE_CLASSIFIER_CHECKPOINT_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "compute/classifier/train.h"

namespace nevus {

// Weights with what Adam remembers of their gradients: equally many of each.
struct ParameterState {
  std::vector<float> value;
  std::vector<float> mean;
  std::vector<float> square;
};

// After best.history.size() epochs.
struct TrainState {
  TrainedHead best;    // so far
  int64_t step = 0;    // of Adam: batches so far
  std::string random;  // the generator, as LibTorch writes it
  ParameterState w1, b1, w2, b2;
};

// SHA-256 over the options and every number of both sets: a training with
// another fingerprint is another training. Errors: those of reading.
absl::StatusOr<std::string> TrainingFingerprint(const TrainingSet& train,
                                                const TrainingSet& validation,
                                                const TrainOptions& options);

// All numbers little-endian, a list with its count as int64 before it:
//
//   "NEVUSTRN", int32 version (1), fingerprint (64 bytes), int64 step, int64
//   best epoch, double best AUC, list of (double loss, double AUC) an epoch,
//   random, the best head's mean, inverse_std, w1, b1, w2 (lists of float) and
//   b2, value, mean and square of w1, b1, w2, b2 (lists of float), and at the
//   end Checksum64 of all before it
std::string EncodeCheckpoint(const TrainState& state,
                             const std::string& fingerprint);

// The state that `bytes` hold, for a training with this fingerprint and these
// options. Sizes of the lists of floats are not checked.
//
// Errors: DATA_LOSS: torn or changed bytes (CHECKPOINT_DAMAGED);
// FAILED_PRECONDITION: of another training or another version of the format
// (CHECKPOINT_FOREIGN).
absl::StatusOr<TrainState> DecodeCheckpoint(std::string_view bytes,
                                            const std::string& fingerprint,
                                            const TrainOptions& options);

// DATA_LOSS (CHECKPOINT_DAMAGED); `why` says what is wrong.
absl::Status CheckpointDamaged(const std::string& why);

}  // namespace nevus

#endif  // NEVUS_COMPUTE_CLASSIFIER_CHECKPOINT_H_
