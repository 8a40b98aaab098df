// Features back from the store and a training on them, against what the disk
// and the matrix products alone allow.
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "base/clock.h"
#include "base/digest.h"
#include "base/status.h"
#include "base/temp_dir.h"
#include "compute/classifier/train.h"
#include "compute/torch/blas.h"
#include "services/training/feature_set.h"
#include "tests/bench/benches.h"
#include "tests/bench/resident_memory.h"

namespace nevus {
namespace {

// What a training should reach of the lower of its two limits, and its memory.
constexpr double kTarget = 0.5;
constexpr double kReadTarget = 500;   // MB/s
constexpr int kValidationShare = 20;  // one of so many rows
constexpr int kHidden = 256;
constexpr int kBatch = 64;

class TrainBench {
 public:
  explicit TrainBench(const BenchOptions& options)
      : options_(options), dimension_(options.dimension) {}

  absl::StatusOr<Report> Run() {
    RETURN_IF_ERROR(Prepare());
    const double before = ResidentMegabytes();
    Lane read{"features read back", "MB/s", [this] { return ReadBack(); }};
    Lane disk{"limit: rows from the disk, uncached", "rows/s",
              [this] { return DiskAlone(); }};
    Lane blas{"limit: the matrix products, one core", "rows/s",
              [this] { return BlasAlone(); }};
    Lane train{"training, an epoch", "rows/s", [this] { return TrainEpoch(); }};
    RETURN_IF_ERROR(RunInTurns({&read, &disk, &blas, &train}, options_.repeats,
                               options_.progress));
    const bool blas_binds = Median(blas.values) < Median(disk.values);
    const Lane& limit = blas_binds ? blas : disk;
    Report report;
    report.ratios = {
        {absl::StrCat("training / ", blas_binds ? "matrix products" : "disk",
                      ", which bind"),
         Divide(train.values, limit.values),
         kTarget,
         {}},
        {"features read back / 500 MB/s",
         Divide(read.values,
                std::vector<double>(read.values.size(), kReadTarget)),
         1.0,
         {}}};
    report.facts = {
        {"features",
         absl::StrFormat("%d of %d numbers, %.1f GB as kept", options_.count,
                         dimension_, stored_bytes_ / 1e9)},
        {"training rows", absl::StrCat(train_.set.labels.size())},
        {"kept for training",
         train_.spool == nullptr ? "in memory" : "in a temporary file"},
        {"memory",
         absl::StrFormat("%.0f MB before, %.0f MB the most, server and all",
                         before, most_megabytes_)},
        {"head", absl::StrCat("hidden ", kHidden, ", batches of ", kBatch)}};
    report.lanes = {std::move(read), std::move(disk), std::move(blas),
                    std::move(train)};
    ASSIGN_OR_RETURN(const auto machine, node_->Facts());
    report.facts.insert(report.facts.end(), machine.begin(), machine.end());
    return report;
  }

 private:
  // Writes the features as a worker does. No image is needed: a feature is
  // named by a digest.
  absl::Status Prepare() {
    ASSIGN_OR_RETURN(node_, BenchNode::StartAlone("extraction"));
    space_.set_digest(Sha256Hex("bench train"));
    space_.set_cut("synthetic");
    space_.set_dimension(dimension_);
    std::mt19937 random(1);
    v1::WriteFeaturesRequest write;
    *write.mutable_space() = space_;
    write.mutable_lease()->set_job("bench");
    write.mutable_lease()->set_fencing_token(1);
    for (int row = 0; row < options_.count; ++row) {
      v1::Example example;
      example.set_image_digest(Sha256Hex(absl::StrCat("image ", row)));
      example.set_label(row % 5 == 0 ? "melanoma" : "nevus");
      AddFeature(example, random, write);
      rows_.push_back(std::move(example));
      if (write.ByteSizeLong() < (16 << 20) && row + 1 < options_.count) {
        continue;
      }
      options_.progress(row + 1, options_.count, "write features");
      RETURN_IF_ERROR(node_->client()
                          .Call(&v1::FeatureService::Stub::WriteFeatures, write)
                          .status());
      write.clear_features();
    }
    ASSIGN_OR_RETURN(
        const v1::ListFeatureSpacesResponse spaces,
        node_->client().Call(&v1::FeatureService::Stub::ListFeatureSpaces,
                             v1::ListFeatureSpacesRequest()));
    stored_bytes_ = static_cast<double>(spaces.spaces(0).stored_bytes());
    const auto first_training_row =
        rows_.begin() + std::max<int>(10, options_.count / kValidationShare);
    validation_rows_ = {rows_.begin(), first_training_row};
    train_rows_ = {first_training_row, rows_.end()};
    ASSIGN_OR_RETURN(validation_, Read(validation_rows_));
    return absl::OkStatus();
  }

  // Halves from 0 to 4, a few of which are larger for a melanoma.
  void AddFeature(const v1::Example& example, std::mt19937& random,
                  v1::WriteFeaturesRequest& write) const {
    v1::Feature& feature = *write.add_features();
    feature.set_image_digest(example.image_digest());
    feature.mutable_values()->Resize(dimension_, 0);
    float* const values = feature.mutable_values()->mutable_data();
    const float shift = example.label() == "melanoma" ? 0.25f : 0.0f;
    for (int i = 0; i < dimension_; ++i) {
      values[i] = static_cast<float>(random() % 1024) / 256 +
                  (i % 100 == 0 ? shift : 0);
    }
  }

  absl::StatusOr<FeatureSet> Read(const std::vector<v1::Example>& rows) {
    return ReadFeatureSet(node_->peers(), space_, rows, "melanoma", nullptr);
  }

  absl::StatusOr<double> ReadBack() {
    train_ = FeatureSet();
    // The disk has given back the earlier round's file, which takes seconds,
    // and before the first round has what Prepare wrote.
    sync();
    const Stopwatch watch;
    ASSIGN_OR_RETURN(train_, Read(train_rows_));
    const double seconds = watch.Seconds();
    NoteMemory();
    return stored_bytes_ / 1e6 * static_cast<double>(train_rows_.size()) /
           options_.count / seconds;
  }

  // As many bytes as the packed rows have, one after the other, from a file
  // that the cache was told to forget.
  absl::StatusOr<double> DiskAlone() {
    const size_t row_bytes =
        static_cast<size_t>(stored_bytes_) / options_.count;
    const size_t rows =
        std::min<size_t>(train_rows_.size(), (size_t{1} << 30) / row_bytes + 1);
    const std::string path = dir_.path() + "/rows";
    const int file = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (file < 0) return absl::InternalError("cannot write " + path);
    std::string row(row_bytes, 'x');
    bool good = true;
    if (lseek(file, 0, SEEK_END) == 0) {
      for (size_t i = 0; i < rows; ++i) {
        good = good && write(file, row.data(), row.size()) ==
                           static_cast<ssize_t>(row.size());
      }
    }
    good = good && fdatasync(file) == 0;
    posix_fadvise(file, 0, 0, POSIX_FADV_DONTNEED);
    const Stopwatch watch;
    for (size_t i = 0; i < rows; ++i) {
      good = good && pread(file, row.data(), row.size(),
                           static_cast<off_t>(i * row_bytes)) ==
                         static_cast<ssize_t>(row.size());
    }
    const double seconds = watch.Seconds();
    close(file);
    if (!good) return absl::InternalError("cannot read " + path);
    return static_cast<double>(rows) / seconds;
  }

  absl::StatusOr<double> BlasAlone() const {
    return MeasureTrainingProducts(kBatch, dimension_, kHidden);
  }

  // Of one epoch's rows; what comes before the first is not an epoch.
  absl::StatusOr<double> TrainEpoch() {
    TrainOptions options;
    options.hidden = kHidden;
    options.batch_size = kBatch;
    options.max_epochs = 2;
    options.patience = 2;
    double first = 0, second = 0;
    const Stopwatch watch;
    TrainHooks hooks;
    hooks.cancelled = [this, asked = 0]() mutable {
      if (++asked % 100 == 0) NoteMemory();
      return false;
    };
    hooks.after_epoch = [&](const TrainProgress& progress, const TrainedHead&,
                            const std::function<std::string()>&) {
      (progress.epoch == 1 ? first : second) = watch.Seconds();
      NoteMemory();
      return absl::OkStatus();
    };
    RETURN_IF_ERROR(
        TrainHead(train_.set, validation_.set, options, hooks).status());
    return static_cast<double>(train_rows_.size()) / (second - first);
  }

  void NoteMemory() {
    most_megabytes_ = std::max(most_megabytes_, ResidentMegabytes());
  }

  const BenchOptions& options_;
  const int dimension_;
  TempDir dir_;
  std::unique_ptr<BenchNode> node_;
  v1::FeatureSpace space_;
  std::vector<v1::Example> rows_, train_rows_, validation_rows_;
  FeatureSet train_, validation_;
  double stored_bytes_ = 0;
  double most_megabytes_ = 0;
};

}  // namespace

absl::StatusOr<Report> BenchTrain(const BenchOptions& options) {
  return TrainBench(options).Run();
}

}  // namespace nevus
