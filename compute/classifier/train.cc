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
#include "compute/classifier/row_stream.h"
#include "compute/classifier/training_input.h"
#include "compute/classifier/vector_math.h"
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

constexpr double kBeta1 = 0.9;
constexpr double kBeta2 = 0.999;
constexpr double kEpsilon = 1e-8;

// Numbers that are learned, with what Adam remembers of each.
class Parameter {
 public:
  // `decays`: whether weight decay applies; it does not to biases.
  Parameter(at::Tensor value, bool decays)
      : value_(std::move(value)),
        mean_(at::zeros_like(value_)),
        square_(at::zeros_like(value_)),
        decays_(decays) {}

  const at::Tensor& value() const { return value_; }

  // The `step`th step, from 1. `gradient` has as many numbers.
  void Update(const at::Tensor& gradient, int64_t step,
              const TrainOptions& options) {
    UpdateColumns(gradient.contiguous().data_ptr<float>(), 0, value_.numel(),
                  value_.numel(), step, options);
  }

  // The same for `columns` columns from `first` on, of a matrix that has
  // `stride`.
  void UpdateColumns(const float* gradient, int64_t first, int64_t columns,
                     int64_t stride, int64_t step,
                     const TrainOptions& options) {
    AdamStep adam;
    adam.beta1 = static_cast<float>(kBeta1);
    adam.beta2 = static_cast<float>(kBeta2);
    adam.epsilon = static_cast<float>(kEpsilon);
    const double rate = options.learning_rate;
    adam.decay =
        decays_ ? static_cast<float>(1 - rate * options.weight_decay) : 1.0f;
    adam.rate = static_cast<float>(rate / (1 - std::pow(kBeta1, step)));
    adam.inverse =
        static_cast<float>(1 / std::sqrt(1 - std::pow(kBeta2, step)));
    for (int64_t at = first; at < value_.numel(); at += stride) {
      Apply(adam, gradient, columns, value_.data_ptr<float>() + at,
            mean_.data_ptr<float>() + at, square_.data_ptr<float>() + at);
      gradient += columns;
    }
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
  // Of the first layer's gradient, computed together.
  static constexpr int64_t kColumns = 1024;

 public:
  // `train` and `options` must outlive the trainer.
  Trainer(const TrainingSet& train, Head standardisation,
          const TrainOptions& options)
      : train_(train),
        options_(options),
        standardisation_(std::move(standardisation)),
        random_(at::make_generator<at::CPUGeneratorImpl>(options.seed)),
        rows_(train.labels.size()),
        labels_(at::empty({rows_})),
        row_weights_(at::ones({rows_})),
        w1_(Uniform({options.hidden, train.dimension}, train.dimension), true),
        b1_(at::zeros({options.hidden}), false),
        w2_(options.hidden > 0 ? Uniform({options.hidden}, options.hidden)
                               : at::zeros({train.dimension}),
            true),
        b2_(at::zeros({1}), false),
        gradient_(at::empty(
            {options.hidden * std::min<int64_t>(kColumns, train.dimension)})) {
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
  absl::StatusOr<std::optional<double>> RunEpoch(
      const std::function<bool()>& cancelled) {
    double loss = 0;
    const at::Tensor order = at::randperm(rows_, random_);
    const int64_t* const first = order.data_ptr<int64_t>();
    RowStream rows(
        train_, {first, first + rows_}, options_.batch_size,
        [this](float* values, size_t count) { Standardise(values, count); });
    for (int64_t start = 0; start < rows_; start += options_.batch_size) {
      if (cancelled && cancelled()) return std::optional<double>();
      ASSIGN_OR_RETURN(const RowStream::Batch batch, rows.Next());
      const auto count = static_cast<int64_t>(batch.count);
      const at::Tensor z = at::from_blob(const_cast<float*>(batch.values),
                                         {count, train_.dimension});
      loss += Step(z, order.slice(0, start, start + count));
    }
    return std::optional<double>(loss / static_cast<double>(rows_));
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
  void Standardise(float* values, size_t count) const {
    const size_t dimension = train_.dimension;
    for (size_t i = 0; i < count; ++i, values += dimension) {
      nevus::Standardise(values, standardisation_.mean.data(),
                         standardisation_.inverse_std.data(), dimension,
                         values);
    }
  }

  // The initial weights of a linear layer, as PyTorch's: uniform in
  // +-1/sqrt(inputs). Small enough to begin near logistic regression.
  at::Tensor Uniform(at::IntArrayRef shape, int inputs) {
    const double bound = 1 / std::sqrt(static_cast<double>(inputs));
    return at::empty(shape).uniform_(-bound, bound, random_);
  }

  // One step of Adam on the rows `batch`, whose inputs are `z`. Returns the sum
  // of their losses.
  //
  // The loss is the mean over the batch of weight * (softplus(logit) - y
  // logit); its derivative by the logit is weight * (sigmoid(logit) - y) /
  // rows.
  double Step(const at::Tensor& z, const at::Tensor& batch) {
    ++step_;
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
    UpdateFirstLayer(slope_sum, z);
    b1_.Update(slope_sum.sum(0), step_, options_);
    return Loss(logit, y, weight);
  }

  // Some columns of the gradient at a time, which are in the cache when Adam
  // takes them: all of it would go to memory and back.
  void UpdateFirstLayer(const at::Tensor& slope_sum, const at::Tensor& z) {
    const at::Tensor slopes = slope_sum.t();
    const int64_t inputs = train_.dimension;
    for (int64_t first = 0; first < inputs; first += kColumns) {
      const int64_t columns = std::min(kColumns, inputs - first);
      at::Tensor gradient = gradient_.slice(0, 0, columns * options_.hidden)
                                .view({options_.hidden, columns});
      at::mm_out(gradient, slopes, z.slice(1, first, first + columns));
      w1_.UpdateColumns(gradient.data_ptr<float>(), first, columns, inputs,
                        step_, options_);
    }
  }

  static double Loss(const at::Tensor& logit, const at::Tensor& y,
                     const at::Tensor& weight) {
    return (weight * (at::softplus(logit) - y * logit)).sum().item<double>();
  }

  const TrainingSet& train_;
  const TrainOptions& options_;
  const Head standardisation_;
  at::Generator random_;
  const int64_t rows_;
  at::Tensor labels_;       // rows, 0 or 1
  at::Tensor row_weights_;  // rows; mean 1
  Parameter w1_, b1_, w2_, b2_;
  at::Tensor gradient_;  // of kColumns columns of w1
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
  constexpr size_t kRowsTogether = 16;
  constexpr size_t kRowsBetweenQuestions = 256;
  std::vector<Scored> scored;
  RowStream rows(validation, RowsInOrder(validation), kRowsTogether, nullptr);
  while (true) {
    ASSIGN_OR_RETURN(const RowStream::Batch batch, rows.Next());
    if (batch.count == 0) return std::optional<double>(Auc(scored));
    if (scored.size() % kRowsBetweenQuestions == 0 && cancelled &&
        cancelled()) {
      return std::optional<double>();
    }
    float logits[kRowsTogether];
    Logits(head, batch.values, batch.count, logits);
    for (size_t i = 0; i < batch.count; ++i) {
      const int64_t row = batch.rows[i];
      if (!std::isfinite(logits[i])) {
        return WithReason(
            absl::InvalidArgumentError(absl::StrCat(
                "the head's logit for row ", row, " of the validation set is ",
                logits[i],
                "; right is a finite number. Lower learning_rate, or look "
                "for a feature far outside those of the train set")),
            "DIVERGED", {{"row", absl::StrCat(row)}});
      }
      scored.push_back({logits[i], validation.labels[row] == 1});
    }
  }
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
  RETURN_IF_ERROR(CheckFinite(validation, "validation"));
  ASSIGN_OR_RETURN(Head standardisation, Standardisation(train));
  Trainer trainer(train, std::move(standardisation), options);
  TrainedHead best;
  // Reads all features: made where a checkpoint is read or may be written.
  std::string fingerprint;
  if (!checkpoint.empty() || hooks.after_epoch) {
    ASSIGN_OR_RETURN(fingerprint,
                     TrainingFingerprint(train, validation, options));
  }
  if (!checkpoint.empty()) {
    ASSIGN_OR_RETURN(TrainState state,
                     DecodeCheckpoint(checkpoint, fingerprint, options));
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
    ASSIGN_OR_RETURN(const std::optional<double> loss,
                     trainer.RunEpoch(hooks.cancelled));
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
      return EncodeCheckpoint(state, fingerprint);
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
