// The training loop: a two-layer perceptron with its gradient written out.
//
// feature -> [training] -> model. The only file of the classifier that knows
// LibTorch, and of LibTorch only ATen: the gradient of two layers is six lines,
// and without autograd there is no graph and no module.
#include "compute/classifier/train.h"

#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>
#include <ATen/Parallel.h>
#include <c10/core/InferenceMode.h>
#include <dlfcn.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstring>
#include <exception>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "compute/backbone/omp_threads.h"
#include "compute/classifier/checkpoint.h"
#include "compute/classifier/training_input.h"
#include "compute/evaluation/metrics.h"

namespace nevus {
namespace {

// OpenBLAS cuts a matrix product by its number of threads, and each cut rounds
// differently; at the sizes of a batch a second thread gains nothing besides.
// The count belongs to the process, so it is not put back: a training beside
// this one needs it too. Looked up, not linked: another BLAS may stand in its
// place.
void PinBlasToOneThread() {
  using Set = void (*)(int);
  if (void* const set = dlsym(RTLD_DEFAULT, "openblas_set_num_threads")) {
    reinterpret_cast<Set>(set)(1);
  }
}

std::vector<float> ToVector(const at::Tensor& tensor) {
  const float* data = tensor.data_ptr<float>();
  return std::vector<float>(data, data + tensor.numel());
}

// Overwrites the numbers of `tensor`; false if they are not as many.
bool FromVector(const std::vector<float>& values, at::Tensor& tensor) {
  if (values.size() != static_cast<size_t>(tensor.numel())) return false;
  std::copy(values.begin(), values.end(), tensor.data_ptr<float>());
  return true;
}

// Adam (Kingma and Ba, 2015, algorithm 1) with decoupled weight decay
// (Loshchilov and Hutter, 2019, algorithm 2).
class Parameter {
 public:
  // `decays`: whether weight decay applies; it does not to biases.
  Parameter(at::Tensor value, bool decays)
      : value_(std::move(value)),
        mean_(at::zeros_like(value_)),
        square_(at::zeros_like(value_)),
        decays_(decays) {}

  const at::Tensor& value() const { return value_; }

  // `step` counts from 1.
  void Update(const at::Tensor& gradient, int64_t step,
              const TrainOptions& options) {
    constexpr double kBeta1 = 0.9;
    constexpr double kBeta2 = 0.999;
    constexpr double kEpsilon = 1e-8;
    const double rate = options.learning_rate;
    mean_.mul_(kBeta1).add_(gradient, 1 - kBeta1);
    square_.mul_(kBeta2).addcmul_(gradient, gradient, 1 - kBeta2);
    if (decays_) value_.mul_(1 - rate * options.weight_decay);
    const double correction1 = 1 - std::pow(kBeta1, step);
    const double correction2 = 1 - std::pow(kBeta2, step);
    value_.addcdiv_(mean_, (square_ / correction2).sqrt_().add_(kEpsilon),
                    -rate / correction1);
  }

  ParameterState State() const {
    return {ToVector(value_), ToVector(mean_), ToVector(square_)};
  }
  // False if the sizes differ.
  bool Restore(const ParameterState& state) {
    return FromVector(state.value, value_) && FromVector(state.mean, mean_) &&
           FromVector(state.square, square_);
  }

 private:
  at::Tensor value_;
  at::Tensor mean_;
  at::Tensor square_;
  const bool decays_;
};

class Trainer {
 public:
  // `train` and `options` must outlive the trainer.
  Trainer(const TrainingSet& train, const TrainOptions& options)
      : options_(options),
        standardisation_(Standardisation(train)),
        random_(at::make_generator<at::CPUGeneratorImpl>(options.seed)),
        rows_(train.labels.size()),
        z_(Standardised(train)),
        labels_(at::empty({rows_})),
        row_weights_(at::ones({rows_})),
        w1_(Uniform({options.hidden, train.dimension}, train.dimension), true),
        b1_(at::zeros({options.hidden}), false),
        w2_(options.hidden > 0 ? Uniform({options.hidden}, options.hidden)
                               : at::zeros({train.dimension}),
            true),
        b2_(at::zeros({1}), false) {
    std::copy(train.labels.begin(), train.labels.end(),
              labels_.data_ptr<float>());
    if (options.class_weighted) {
      const double rows = static_cast<double>(rows_);
      const double positives = labels_.sum().item<double>();
      row_weights_ = at::where(labels_ > 0.5, rows / (2 * positives),
                               rows / (2 * (rows - positives)))
                         .to(at::kFloat);
    }
  }

  // One pass over all rows in a new order. Returns the mean loss, or nothing if
  // it was cancelled.
  std::optional<double> RunEpoch(const std::function<bool()>& cancelled) {
    double loss = 0;
    const at::Tensor order = at::randperm(rows_, random_);
    for (int64_t start = 0; start < rows_; start += options_.batch_size) {
      if (cancelled && cancelled()) return std::nullopt;
      const int64_t end = std::min(start + options_.batch_size, rows_);
      loss += Step(order.slice(0, start, end));
    }
    return loss / static_cast<double>(rows_);
  }

  Head CurrentHead() const {
    Head head = standardisation_;
    head.hidden = options_.hidden;
    head.w1 = ToVector(w1_.value());
    head.b1 = ToVector(b1_.value());
    head.w2 = ToVector(w2_.value());
    head.b2 = b2_.value().item<float>();
    return head;
  }

  // All but `best`.
  TrainState State() const {
    TrainState state;
    state.step = step_;
    const at::Tensor random = random_.get_state();
    state.random.assign(static_cast<const char*>(random.data_ptr()),
                        random.nbytes());
    state.w1 = w1_.State();
    state.b1 = b1_.State();
    state.w2 = w2_.State();
    state.b2 = b2_.State();
    return state;
  }

  absl::Status Restore(const TrainState& state) {
    at::Tensor random = random_.get_state();
    if (state.random.size() != random.nbytes() || !w1_.Restore(state.w1) ||
        !b1_.Restore(state.b1) || !w2_.Restore(state.w2) ||
        !b2_.Restore(state.b2)) {
      return CheckpointDamaged("has parts of other sizes than the training's");
    }
    std::memcpy(random.data_ptr(), state.random.data(), state.random.size());
    random_.set_state(random);
    step_ = state.step;
    return absl::OkStatus();
  }

 private:
  at::Tensor Standardised(const TrainingSet& train) const {
    at::Tensor z = at::empty({rows_, train.dimension});
    float* out = z.data_ptr<float>();
    for (size_t i = 0; i < train.features.size(); ++i) {
      const size_t input = i % train.dimension;
      out[i] = (train.features[i] - standardisation_.mean[input]) *
               standardisation_.inverse_std[input];
    }
    return z;
  }

  // The initial weights of a linear layer, as PyTorch's: uniform in
  // +-1/sqrt(inputs). Small enough to begin near logistic regression.
  at::Tensor Uniform(at::IntArrayRef shape, int inputs) {
    const double bound = 1 / std::sqrt(static_cast<double>(inputs));
    return at::empty(shape).uniform_(-bound, bound, random_);
  }

  // One step of Adam on the rows `batch`. Returns the sum of their losses.
  //
  // The loss is the mean over the batch of weight * (softplus(logit) - y
  // logit); its derivative by the logit is weight * (sigmoid(logit) - y) /
  // rows.
  double Step(const at::Tensor& batch) {
    ++step_;
    const at::Tensor z = z_.index_select(0, batch);
    const at::Tensor y = labels_.index_select(0, batch);
    const at::Tensor weight = row_weights_.index_select(0, batch);
    if (options_.hidden == 0) {
      const at::Tensor logit = at::mv(z, w2_.value()) + b2_.value();
      const at::Tensor slope = (logit.sigmoid() - y) * weight / batch.numel();
      w2_.Update(at::mv(z.t(), slope), step_, options_);
      b2_.Update(slope.sum().view(1), step_, options_);
      return Loss(logit, y, weight);
    }
    const at::Tensor sum = at::addmm(b1_.value(), z, w1_.value().t());
    // Which units speak: those that are active and not dropped, scaled so that
    // the expected sum is the same as without dropout.
    const double keep = 1 - options_.dropout;
    const at::Tensor gate =
        (sum > 0) * at::empty_like(sum).bernoulli_(keep, random_) / keep;
    const at::Tensor h = sum * gate;
    const at::Tensor logit = at::mv(h, w2_.value()) + b2_.value();
    const at::Tensor slope = (logit.sigmoid() - y) * weight / batch.numel();
    const at::Tensor slope_sum = at::outer(slope, w2_.value()) * gate;
    w2_.Update(at::mv(h.t(), slope), step_, options_);
    b2_.Update(slope.sum().view(1), step_, options_);
    w1_.Update(at::mm(slope_sum.t(), z), step_, options_);
    b1_.Update(slope_sum.sum(0), step_, options_);
    return Loss(logit, y, weight);
  }

  static double Loss(const at::Tensor& logit, const at::Tensor& y,
                     const at::Tensor& weight) {
    return (weight * (at::softplus(logit) - y * logit)).sum().item<double>();
  }

  const TrainOptions& options_;
  const Head standardisation_;
  at::Generator random_;
  const int64_t rows_;
  const at::Tensor z_;      // rows x inputs, standardised
  at::Tensor labels_;       // rows, 0 or 1
  at::Tensor row_weights_;  // rows; mean 1
  Parameter w1_, b1_, w2_, b2_;
  int64_t step_ = 0;
};

absl::Status Cancelled(int epoch, const TrainOptions& options) {
  return absl::CancelledError(
      absl::StrCat("training was cancelled in epoch ", epoch, " of at most ",
                   options.max_epochs,
                   ". Start it again: it goes on from its last "
                   "checkpoint, if there is one"));
}

// Nothing if it was cancelled.
absl::StatusOr<std::optional<double>> ValidationAuc(
    const Head& head, const TrainingSet& validation,
    const std::function<bool()>& cancelled) {
  constexpr size_t kRowsBetweenQuestions = 256;
  std::vector<Scored> scored;
  for (size_t row = 0; row < validation.labels.size(); ++row) {
    if (row % kRowsBetweenQuestions == 0 && cancelled && cancelled()) {
      return std::nullopt;
    }
    const float logit =
        Logit(head, &validation.features[row * validation.dimension]);
    if (!std::isfinite(logit)) {
      return WithReason(
          absl::InvalidArgumentError(absl::StrCat(
              "the head's logit for row ", row, " of the validation set is ",
              logit,
              "; right is a finite number. Lower learning_rate, or look "
              "for a feature far outside those of the train set")),
          "DIVERGED", {{"row", absl::StrCat(row)}});
    }
    scored.push_back({logit, validation.labels[row] == 1});
  }
  return std::optional<double>(Auc(scored));
}

absl::StatusOr<TrainedHead> Train(const TrainingSet& train,
                                  const TrainingSet& validation,
                                  const TrainOptions& options,
                                  const TrainHooks& hooks,
                                  std::string_view checkpoint) {
  PinBlasToOneThread();
  at::get_num_threads();  // LibTorch's own setting of this thread, first.
  const ScopedOmpThreads one_core(1);
  const c10::InferenceMode no_autograd;
  Trainer trainer(train, options);
  TrainedHead best;
  // Reads all features: made when it is needed, and once.
  std::string fingerprint;
  const auto the_fingerprint = [&]() -> const std::string& {
    if (fingerprint.empty()) {
      fingerprint = TrainingFingerprint(train, validation, options);
    }
    return fingerprint;
  };
  if (!checkpoint.empty()) {
    ASSIGN_OR_RETURN(TrainState state,
                     DecodeCheckpoint(checkpoint, the_fingerprint(), options));
    RETURN_IF_ERROR(trainer.Restore(state));
    best = std::move(state.best);
    if (best.head.inputs != train.dimension || !CheckHead(best.head).ok()) {
      return CheckpointDamaged("holds a head that is none of this training");
    }
    if (hooks.resumed) hooks.resumed(static_cast<int>(best.history.size()));
  }
  for (int epoch = static_cast<int>(best.history.size()) + 1;
       epoch <= options.max_epochs &&
       epoch - best.best_epoch <= options.patience;
       ++epoch) {
    const std::optional<double> loss = trainer.RunEpoch(hooks.cancelled);
    if (!loss.has_value()) return Cancelled(epoch, options);
    Head head = trainer.CurrentHead();
    ASSIGN_OR_RETURN(const std::optional<double> auc,
                     ValidationAuc(head, validation, hooks.cancelled));
    if (!auc.has_value()) return Cancelled(epoch, options);
    const TrainProgress progress{epoch, options.max_epochs, *loss, *auc};
    best.history.push_back(progress);
    if (best.best_epoch == 0 || *auc > best.validation_auc) {
      best.head = std::move(head);
      best.best_epoch = epoch;
      best.validation_auc = *auc;
    }
    if (!hooks.after_epoch) continue;
    RETURN_IF_ERROR(hooks.after_epoch(progress, best, [&] {
      TrainState state = trainer.State();
      state.best = best;
      return EncodeCheckpoint(state, the_fingerprint());
    }));
  }
  return best;
}

}  // namespace

absl::StatusOr<TrainedHead> TrainHead(const TrainingSet& train,
                                      const TrainingSet& validation,
                                      const TrainOptions& options,
                                      const TrainHooks& hooks,
                                      std::string_view checkpoint) {
  RETURN_IF_ERROR(CheckTrainingInput(train, validation, options));
  try {
    return Train(train, validation, options, hooks, checkpoint);
  } catch (const std::exception& error) {
    return absl::InternalError(
        absl::StrCat("training stopped: ", error.what(),
                     ". Check the free memory; ", train.labels.size(),
                     " rows of ", train.dimension, " numbers were given"));
  }
}

}  // namespace nevus
