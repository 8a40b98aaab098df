#include "compute/classifier/train.h"

#include <dlfcn.h>

#include <atomic>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <random>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/status.h"
#include "base/status_matchers.h"
#include "compute/backbone/omp_threads.h"
#include "compute/classifier/feature_rows.h"
#include "compute/classifier/testdata/logistic_regression_golden.h"
#include "compute/evaluation/metrics.h"
#include "gtest/gtest.h"

namespace nevus {
namespace {

constexpr int kDimension = 16;

// Two Gaussians of equal covariance whose means lie `distance` deviations
// apart: the best any classifier can do is an AUC of Phi(distance / sqrt 2).
// Each input has a scale and an offset of its own, which standardisation must
// undo.
TrainingSet TwoGaussians(double distance, int rows, uint32_t seed) {
  std::mt19937 random(seed);
  std::normal_distribution<double> normal;
  TrainingSet set;
  set.dimension = kDimension;
  for (int row = 0; row < rows; ++row) {
    const bool positive = random() % 10 < 3;
    set.labels.push_back(positive ? 1 : 0);
    for (int i = 0; i < kDimension; ++i) {
      const double shift = positive ? distance / std::sqrt(kDimension) : 0;
      const double scale = std::pow(10, i % 5 - 2);
      set.features.push_back(
          static_cast<float>(scale * (normal(random) + shift + i)));
    }
  }
  return set;
}

double AucOf(const Head& head, const TrainingSet& set) {
  std::vector<Scored> scored;
  for (size_t row = 0; row < set.labels.size(); ++row) {
    scored.push_back({Logit(head, &set.features[row * set.dimension]),
                      set.labels[row] == 1});
  }
  return Auc(scored);
}

void ExpectSameBytes(const Head& a, const Head& b) {
  EXPECT_EQ(a.mean, b.mean);
  EXPECT_EQ(a.inverse_std, b.inverse_std);
  EXPECT_EQ(a.w1, b.w1);
  EXPECT_EQ(a.b1, b.b1);
  EXPECT_EQ(a.w2, b.w2);
  EXPECT_EQ(a.b2, b.b2);
}

TrainedHead Trained(const TrainingSet& train, const TrainingSet& validation,
                    const TrainOptions& options) {
  absl::StatusOr<TrainedHead> trained =
      TrainHead(train, validation, options, {});
  EXPECT_THAT(trained, IsOk());
  if (!trained.ok()) return {};
  EXPECT_THAT(CheckHead(trained->head), IsOk());
  return *std::move(trained);
}

// A small problem for what is not about quality.
class SmallTrainTest : public testing::Test {
 protected:
  SmallTrainTest() {
    options_.hidden = 32;
    options_.max_epochs = 5;
  }

  TrainingSet train_ = TwoGaussians(1, 300, 1);
  TrainingSet validation_ = TwoGaussians(1, 100, 2);
  TrainOptions options_;
};

TEST(TrainTest, ReachesTheBestPossibleAucOfTwoGaussians) {
  const TrainingSet train = TwoGaussians(1, 4000, 1);
  const TrainingSet validation = TwoGaussians(1, 2000, 2);
  // So many that the estimate itself is off by 0.0026 only (one deviation).
  const TrainingSet test = TwoGaussians(1, 40000, 3);
  const double best = 0.5 * std::erfc(-0.5);  // Phi(1 / sqrt 2) = 0.7602
  for (const int hidden : {0, 256}) {
    for (const uint64_t seed : {0, 1}) {
      SCOPED_TRACE(testing::Message()
                   << "hidden " << hidden << " seed " << seed);
      TrainOptions options;
      options.hidden = hidden;
      options.seed = seed;
      const TrainedHead trained = Trained(train, validation, options);
      ASSERT_EQ(trained.head.hidden, hidden);
      EXPECT_NEAR(AucOf(trained.head, test), best, 0.01);
    }
  }
}

// What a linear classifier cannot do at all: the class is the sign of a
// product. By symmetry the AUC of every linear score is 1/2; the rule itself
// gets 1.
TEST(TrainTest, TheHiddenLayerLearnsWhatALineCannot) {
  const auto signs = [](int rows, uint32_t seed) {
    std::mt19937 random(seed);
    std::uniform_real_distribution<float> number(-1, 1);
    TrainingSet set;
    set.dimension = 2;
    for (int row = 0; row < rows; ++row) {
      const float x = number(random);
      const float y = number(random);
      set.features.insert(set.features.end(), {x, y});
      set.labels.push_back(x * y > 0 ? 1 : 0);
    }
    return set;
  };
  TrainOptions options;
  options.learning_rate = 0.01;
  options.weight_decay = 0;
  const TrainedHead trained = Trained(signs(2000, 1), signs(500, 2), options);
  EXPECT_GT(AucOf(trained.head, signs(2000, 3)), 0.98);
}

// The first line of testdata/logistic_regression_golden.h says what made it.
// The cross entropy of a linear classifier is convex, so that its least value
// is reached at the optimum alone.
TEST(TrainTest, WithoutHiddenLayerTheLossFallsToThatOfLogisticRegression) {
  const TrainingSet set = {3, kGoldenFeatures, kGoldenLabels};
  TrainOptions options;
  options.hidden = 0;
  options.learning_rate = 0.01;
  options.weight_decay = 0;
  options.batch_size = static_cast<int>(kGoldenLabels.size());
  options.max_epochs = 2000;
  options.patience = options.max_epochs;
  const TrainedHead trained = Trained(set, set, options);
  ASSERT_EQ(trained.history.size(), 2000u);
  // At an optimum an error of 1e-4 in the weights costs 1e-8; the features are
  // float, worth 1e-7.
  EXPECT_NEAR(trained.history.back().train_loss, kGoldenLoss, 1e-6);
}

TEST_F(SmallTrainTest, SameSeedSameBytesAndAnotherSeedOthers) {
  const TrainedHead first = Trained(train_, validation_, options_);
  const TrainedHead second = Trained(train_, validation_, options_);
  ExpectSameBytes(first.head, second.head);
  options_.seed = 1;
  const TrainedHead other = Trained(train_, validation_, options_);
  EXPECT_NE(first.head.w1, other.head.w1);
}

// Hands out the rows of a set that a test keeps. Thread-safe.
class RowsOf : public FeatureRows {
 public:
  explicit RowsOf(TrainingSet set, int reads_that_succeed = 1 << 30)
      : set_(std::move(set)), left_(reads_that_succeed) {}

  absl::Status Read(const int64_t* rows, size_t count,
                    float* to) const override {
    if (--left_ < 0) return absl::DataLossError("row is damaged");
    for (size_t i = 0; i < count; ++i) {
      for (int k = 0; k < set_.dimension; ++k) {
        *to++ = set_.features[rows[i] * set_.dimension + k];
      }
    }
    return absl::OkStatus();
  }
  void Expect(const int64_t*, size_t) const override {}

  TrainingSet Set() const {
    TrainingSet set;
    set.dimension = set_.dimension;
    set.labels = set_.labels;
    set.stored = this;
    return set;
  }

 private:
  const TrainingSet set_;
  mutable std::atomic<int> left_;
};

TEST_F(SmallTrainTest, RowsThatAreReadGiveTheBytesOfThoseInMemory) {
  for (const int hidden : {0, 32}) {
    options_.hidden = hidden;
    const TrainedHead memory = Trained(train_, validation_, options_);
    const RowsOf train(train_), validation(validation_);
    const TrainedHead read = Trained(train.Set(), validation.Set(), options_);
    ExpectSameBytes(memory.head, read.head);
    ASSERT_EQ(read.history.size(), memory.history.size());
    for (size_t i = 0; i < read.history.size(); ++i) {
      EXPECT_EQ(read.history[i].train_loss, memory.history[i].train_loss);
      EXPECT_EQ(read.history[i].validation_auc,
                memory.history[i].validation_auc);
    }
  }
}

// The wider the features, the more columns of the first layer's gradient at a
// time; the last block is a part.
TEST(TrainTest, FeaturesWiderThanABlockOfColumnsLearnTheSameRule) {
  const auto wide = [](uint32_t seed) {
    const TrainingSet narrow = TwoGaussians(3, 200, seed);
    TrainingSet set = narrow;
    set.dimension = 1500;
    set.features.assign(set.labels.size() * 1500, 0);
    for (size_t row = 0; row < set.labels.size(); ++row) {
      for (int i = 0; i < kDimension; ++i) {
        // Spread over both blocks.
        set.features[row * 1500 + 97 * i] =
            narrow.features[row * kDimension + i];
      }
    }
    return set;
  };
  TrainOptions options;
  options.hidden = 8;
  options.learning_rate = 0.01;
  const TrainedHead trained = Trained(wide(1), wide(2), options);
  // The best possible is Phi(3 / sqrt 2) = 0.983.
  EXPECT_GT(AucOf(trained.head, wide(3)), 0.95);
}

TEST_F(SmallTrainTest, AReadThatFailsEndsTheTrainingWhereverItIs) {
  // 300 rows are 5 reads; two passes come before the first of 5 epochs.
  for (const int reads : {0, 3, 8, 20, 34}) {
    SCOPED_TRACE(reads);
    const RowsOf train(train_, reads), validation(validation_);
    EXPECT_THAT(TrainHead(train.Set(), validation.Set(), options_, {}),
                StatusIs(absl::StatusCode::kDataLoss, "row is damaged"));
  }
  const RowsOf train(train_), validation(validation_, 2);
  EXPECT_THAT(TrainHead(train.Set(), validation.Set(), options_, {}),
              StatusIs(absl::StatusCode::kDataLoss, "row is damaged"));
}

TEST_F(SmallTrainTest, TrainingsAtTheSameTimeDoNotDisturbEachOther) {
  std::vector<TrainedHead> alone(3);
  std::vector<TrainedHead> together(3);
  const auto train = [this](uint64_t seed, TrainedHead& out) {
    TrainOptions options = options_;
    options.seed = seed;
    out = Trained(train_, validation_, options);
  };
  for (size_t i = 0; i < alone.size(); ++i) train(i, alone[i]);
  std::vector<std::thread> threads;
  for (size_t i = 0; i < together.size(); ++i) {
    threads.emplace_back(train, i, std::ref(together[i]));
  }
  for (std::thread& thread : threads) thread.join();
  for (size_t i = 0; i < alone.size(); ++i) {
    SCOPED_TRACE(i);
    ExpectSameBytes(alone[i].head, together[i].head);
  }
}

// With two OpenBLAS threads a product of this size is cut, and rounds
// otherwise.
TEST_F(SmallTrainTest, TheNumberOfThreadsChangesNoByte) {
  options_.hidden = 256;
  options_.batch_size = 300;
  const TrainedHead one = Trained(train_, validation_, options_);
  if (void* const set = dlsym(RTLD_DEFAULT, "openblas_set_num_threads")) {
    reinterpret_cast<void (*)(int)>(set)(2);
  }
  const ScopedOmpThreads two_cores(2);
  const TrainedHead two = Trained(train_, validation_, options_);
  ExpectSameBytes(one.head, two.head);
}

TEST_F(SmallTrainTest, TheBestEpochIsKeptAndPatienceEndsTheTraining) {
  options_.max_epochs = 100;
  options_.patience = 3;
  options_.learning_rate = 0.05;  // Overfits soon.
  const TrainedHead trained = Trained(train_, validation_, options_);
  EXPECT_LT(trained.history.size(), 100u);
  EXPECT_EQ(static_cast<int>(trained.history.size()), trained.best_epoch + 3);
  for (const TrainProgress& progress : trained.history) {
    EXPECT_EQ(progress.max_epochs, 100);
    EXPECT_LE(progress.validation_auc, trained.validation_auc);
  }
  EXPECT_EQ(trained.history[trained.best_epoch - 1].validation_auc,
            trained.validation_auc);
  EXPECT_EQ(AucOf(trained.head, validation_), trained.validation_auc);
}

TEST_F(SmallTrainTest, AConstantInputIsIgnoredForEver) {
  for (size_t row = 0; row < train_.labels.size(); ++row) {
    train_.features[row * kDimension + 3] = 0.1f;
    // Varies by less than float can say of a number of this size.
    train_.features[row * kDimension + 4] = row % 2 == 0 ? 1e7f : 1e7f + 1;
  }
  const Head head = Trained(train_, validation_, options_).head;
  EXPECT_EQ(head.inverse_std[3], 0);
  EXPECT_EQ(head.inverse_std[4], 0);
  std::vector<float> feature(kDimension, 1);
  const float before = Logit(head, feature.data());
  feature[3] = 1e6f;
  feature[4] = -1e6f;
  EXPECT_EQ(Logit(head, feature.data()), before);
}

TEST_F(SmallTrainTest, EveryEpochIsReportedAndCanBeTheLast) {
  std::vector<int> epochs;
  TrainHooks hooks;
  hooks.after_epoch = [&](const TrainProgress& progress, const auto&,
                          const auto&) {
    epochs.push_back(progress.epoch);
    return progress.epoch < 2 ? absl::OkStatus() : absl::AbortedError("enough");
  };
  EXPECT_THAT(TrainHead(train_, validation_, options_, hooks),
              StatusIs(absl::StatusCode::kAborted, "enough"));
  EXPECT_EQ(epochs, (std::vector<int>{1, 2}));
}

// 300 rows are 5 batches an epoch, and its validation asks once more.
TEST_F(SmallTrainTest, ACancellationEndsItBeforeTheNextBatch) {
  for (const int asked : {1, 2, 6, 7, 14}) {
    SCOPED_TRACE(asked);
    int questions = 0;
    TrainHooks hooks;
    hooks.cancelled = [&] { return ++questions == asked; };
    EXPECT_THAT(TrainHead(train_, validation_, options_, hooks),
                StatusIs(absl::StatusCode::kCancelled,
                         "in epoch " + std::to_string((asked - 1) / 6 + 1) +
                             " of at most 5"));
    EXPECT_EQ(questions, asked);
  }
}

TEST_F(SmallTrainTest, WeightingMakesTheRareClassCount) {
  // Classes that overlap so much that, unweighted, hardly anyone is positive.
  options_.max_epochs = 30;
  options_.learning_rate = 1e-3;
  const auto called = [&](bool weighted) {
    options_.class_weighted = weighted;
    const Head head = Trained(train_, validation_, options_).head;
    double sum = 0;
    for (size_t row = 0; row < validation_.labels.size(); ++row) {
      sum += Probability(Logit(head, &validation_.features[row * kDimension]));
    }
    return sum / static_cast<double>(validation_.labels.size());
  };
  // The mean probability is 0.5 for equal weights of the classes and the
  // prevalence, 0.3, without.
  EXPECT_NEAR(called(true), 0.5, 0.07);
  EXPECT_NEAR(called(false), 0.3, 0.07);
}

TEST_F(SmallTrainTest, AValidationFeatureBeyondAllBoundsIsNamed) {
  // Finite, but not after division by the deviation of this input, 0.01.
  validation_.features[7 * kDimension] = 3e38f;
  const auto trained = TrainHead(train_, validation_, options_, {});
  EXPECT_THAT(trained, StatusIs(absl::StatusCode::kInvalidArgument,
                                "row 7 of the validation set"));
  EXPECT_EQ(ReasonOf(trained.status()), "DIVERGED");
}

TEST_F(SmallTrainTest, ASetThatCannotTeachIsRefused) {
  const TrainingSet good = train_;
  const auto expect = [&](const TrainingSet& set, absl::StatusCode code,
                          const std::string& reason, const std::string& part) {
    SCOPED_TRACE(reason);
    for (const std::string split : {"train", "validation"}) {
      const bool is_train = split == "train";
      const auto trained =
          TrainHead(is_train ? set : good, is_train ? good : set, options_, {});
      EXPECT_THAT(trained, StatusIs(code, "the " + split + " set"));
      EXPECT_THAT(trained, StatusIs(code, part));
      EXPECT_EQ(ReasonOf(trained.status()), reason);
      EXPECT_EQ(MetadataOf(trained.status())["split"], split);
    }
  };
  constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;
  constexpr auto kPrecondition = absl::StatusCode::kFailedPrecondition;

  expect({kDimension, {}, {}}, kPrecondition, "SPLIT_EMPTY", "no rows");
  expect({0, {}, {}}, kInvalid, "BAD_TRAINING_SET", "features of 0 numbers");
  TrainingSet bad = good;
  bad.labels.assign(bad.labels.size(), 0);
  expect(bad, kPrecondition, "CLASS_MISSING", "0 positive and 300 negative");
  bad.labels.assign(bad.labels.size(), 1);
  expect(bad, kPrecondition, "CLASS_MISSING", "300 positive and 0 negative");
  bad = good;
  bad.labels[7] = 2;
  expect(bad, kInvalid, "BAD_TRAINING_SET", "the label 2 in row 7");
  bad = good;
  bad.features.pop_back();
  expect(bad, kInvalid, "BAD_TRAINING_SET", "4799 numbers");
}

TEST_F(SmallTrainTest, AFeatureThatIsNotFiniteIsNamed) {
  for (const float value : {std::numeric_limits<float>::quiet_NaN(),
                            std::numeric_limits<float>::infinity()}) {
    train_.features[5 * kDimension + 2] = value;
    const auto trained = TrainHead(train_, validation_, options_, {});
    EXPECT_THAT(trained,
                StatusIs(absl::StatusCode::kInvalidArgument,
                         "number 2 of the feature in row 5 of the train set"));
    EXPECT_EQ(ReasonOf(trained.status()), "FEATURE_NOT_FINITE");
    EXPECT_EQ(MetadataOf(trained.status())["row"], "5");
  }
}

TEST_F(SmallTrainTest, TwoFeatureSpacesDoNotMix) {
  TrainingSet other = {1, {0, 1}, {0, 1}};
  EXPECT_THAT(
      TrainHead(train_, other, options_, {}),
      StatusIs(absl::StatusCode::kInvalidArgument,
               "features of 1 numbers; those of the train set have 16"));
}

TEST_F(SmallTrainTest, AnOptionOutOfRangeIsNamed) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const struct {
    const char* field;
    void (*set)(TrainOptions&, double);
    std::vector<double> values;
  } table[] = {
      {"hidden", [](TrainOptions& o, double v) { o.hidden = v; }, {-1, 16385}},
      {"dropout",
       [](TrainOptions& o, double v) { o.dropout = v; },
       {-0.1, 1, nan}},
      {"learning_rate",
       [](TrainOptions& o, double v) { o.learning_rate = v; },
       {0, -1, 2, nan}},
      {"weight_decay",
       [](TrainOptions& o, double v) { o.weight_decay = v; },
       {-1, 1e6, nan}},
      {"batch_size", [](TrainOptions& o, double v) { o.batch_size = v; }, {0}},
      {"max_epochs",
       [](TrainOptions& o, double v) { o.max_epochs = v; },
       {0, 1e6}},
      {"patience", [](TrainOptions& o, double v) { o.patience = v; }, {0}},
  };
  for (const auto& row : table) {
    for (const double value : row.values) {
      SCOPED_TRACE(testing::Message() << row.field << " " << value);
      TrainOptions options;
      row.set(options, value);
      const auto trained = TrainHead(train_, validation_, options, {});
      EXPECT_THAT(trained, StatusIs(absl::StatusCode::kInvalidArgument,
                                    std::string(row.field) + " is "));
      EXPECT_EQ(ReasonOf(trained.status()), "BAD_OPTION");
      EXPECT_EQ(MetadataOf(trained.status())["field"], row.field);
    }
  }
}

}  // namespace
}  // namespace nevus
