// Training of the classifier's head.
//
// image -> dataset -> feature -> [training] -> model. It gets labels and
// features, in memory or from where it is told to read them, and gives back
// numbers: it reads no store, knows no dataset, no image, no clock. LibTorch
// does the matrix products, inside train.cc only.
#ifndef NEVUS_COMPUTE_CLASSIFIER_TRAIN_H_
#define NEVUS_COMPUTE_CLASSIFIER_TRAIN_H_

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "compute/classifier/feature_rows.h"
#include "compute/classifier/head.h"

namespace nevus {

struct TrainingSet {
  int dimension = 0;
  std::vector<float> features;  // rows x dimension, row-major
  std::vector<uint8_t> labels;  // one a row; 1 = positive, 0 = negative
  // Instead of `features`, which is empty then: rows are read again and again,
  // each epoch in another order, and few are in memory at a time. What comes
  // out is the same. Not owned.
  const FeatureRows* stored = nullptr;
  // The lesion or patient of each row, "" for one alone; empty: all are. A head
  // learns the same without; calibration's folds keep groups together.
  std::vector<std::string> groups = {};
};

// The defaults suit some thousand rows of pooled ImageNet features: on ISIC
// 2017 they stay within the noise of tuned logistic regression for every seed
// tried (docs/evaluation.md has the numbers).
struct TrainOptions {
  int hidden = 256;      // units, 0 to 16384; 0: plain logistic regression
  double dropout = 0.5;  // [0,1), of hidden units; none if hidden == 0
  double learning_rate = 1e-4;
  // Decoupled (AdamW): each step scales weights, not biases, by
  // 1 - learning_rate * weight_decay.
  double weight_decay = 3;
  int batch_size = 64;
  int max_epochs = 100;
  int patience = 10;  // epochs without a better validation AUC before it stops
  uint64_t seed = 0;
  // Weigh each class by the inverse of its frequency, so that melanomas, few as
  // they are, count as much in the loss as everything else.
  bool class_weighted = true;
};

struct TrainProgress {
  int epoch = 0;  // from 1
  int max_epochs = 0;
  double train_loss = 0;  // mean weighted cross entropy over the epoch, nats
  double validation_auc = 0;
};

struct TrainedHead {
  Head head;  // that of best_epoch
  int best_epoch = 0;
  double validation_auc = 0;  // of best_epoch
  std::vector<TrainProgress> history;
};

// What a training asks and tells on its way, in the calling thread. Each may be
// empty. None changes what comes out.
struct TrainHooks {
  // Hears, before all else, after which epoch it goes on, if from a checkpoint.
  std::function<void(int epoch)> resumed;
  // Asked before every batch, and while validation is scored; true ends the
  // training.
  std::function<bool()> cancelled;
  // Hears of every epoch, with the best head until then; an error ends the
  // training with it. `checkpoint()`, to be called inside only, gives the bytes
  // from which a later TrainHead goes on after this epoch: four times as many
  // numbers as the head has.
  std::function<absl::Status(const TrainProgress&, const TrainedHead& best,
                             const std::function<std::string()>& checkpoint)>
      after_epoch;
};

// Trains a head on `train`: standardise with the mean and deviation of `train`,
// one hidden layer with ReLU and dropout, cross entropy, Adam. After each epoch
// the head is scored on `validation` with Logit, as it will be served; the
// epoch with the highest AUC wins, the earliest of several.
//
// An input that is constant over `train` (its deviation is not above a
// millionth of its mean: float noise) gets inverse_std 0.
//
// The same arguments give the same bytes on one machine, whatever else runs and
// whatever OMP_NUM_THREADS says: it runs on one core, the calling thread's (and
// a helper's, if rows have to be read), for which it sets OpenBLAS to one
// thread, in the whole process and for good. No global generator is read or
// set. Thread-safe.
//
// `checkpoint` is "" or what a training with the same sets and options gave to
// its hook: then only the epochs after it run, and what comes out is the same,
// byte for byte, as if none had been broken off.
//
// Errors:
// * INVALID_ARGUMENT: an option out of its range (BAD_OPTION, metadata
// `field`),
//   sizes that disagree (BAD_TRAINING_SET), a feature that is not finite
//   (FEATURE_NOT_FINITE, metadata `split`, `row`), a validation logit that is
//   not finite after an epoch (DIVERGED, metadata `row`).
// * FAILED_PRECONDITION: no rows (SPLIT_EMPTY) or one class only
// (CLASS_MISSING)
//   in either set, metadata `split`.
// * CANCELLED: `hooks.cancelled` returned true. Any: what `hooks.after_epoch`
//   returned.
// * DATA_LOSS (CHECKPOINT_DAMAGED), FAILED_PRECONDITION (CHECKPOINT_FOREIGN):
//   `checkpoint` is damaged, or of other sets or options; without it all is
//   well.
// * Any: what TrainingSet::stored returned.
// * INTERNAL: LibTorch failed, for instance for lack of memory.
absl::StatusOr<TrainedHead> TrainHead(const TrainingSet& train,
                                      const TrainingSet& validation,
                                      const TrainOptions& options,
                                      const TrainHooks& hooks,
                                      std::string_view checkpoint = {});

// The head's answer for each row of `set`, as Logit gives it. Errors: those of
// TrainingSet::stored. REQUIRES: CheckHead(head) is OK, set.dimension is
// head.inputs.
absl::StatusOr<std::vector<float>> LogitsOf(const Head& head,
                                            const TrainingSet& set);

}  // namespace nevus

#endif  // NEVUS_COMPUTE_CLASSIFIER_TRAIN_H_
