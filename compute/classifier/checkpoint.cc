// The layout of a checkpoint, written and read; and what it belongs to.
//
// feature -> [training] -> model. Bytes come from outside: nothing is believed
// before the checksum, and no count before the bytes are there.
#include "compute/classifier/checkpoint.h"

#include <cstddef>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/digest.h"
#include "base/status.h"
#include "compute/classifier/row_stream.h"

namespace nevus {
namespace {

constexpr std::string_view kMagic = "NEVUSTRN";
constexpr int32_t kVersion = 1;
constexpr size_t kFingerprintBytes = 64;
constexpr size_t kChecksumBytes = sizeof(uint64_t);
constexpr size_t kSmallest =
    kMagic.size() + sizeof(kVersion) + kFingerprintBytes + kChecksumBytes;

// Numbers as they lie in memory: little-endian, as every machine is that this
// is built for.
class Writer {
 public:
  template <typename T>
  void Number(T value) {
    Raw(&value, sizeof(value));
  }
  void Bytes(std::string_view bytes) { bytes_.append(bytes); }
  template <typename List>
  void Numbers(const List& values) {
    Number<int64_t>(values.size());
    Raw(values.data(), values.size() * sizeof(values[0]));
  }
  std::string Take() { return std::move(bytes_); }
  const std::string& bytes() const { return bytes_; }

 private:
  void Raw(const void* from, size_t size) {
    bytes_.append(static_cast<const char*>(from), size);
  }

  std::string bytes_;
};

// Reads zeros, and is no longer ok, where bytes are missing.
class Reader {
 public:
  explicit Reader(std::string_view bytes) : bytes_(bytes) {}

  template <typename T>
  T Number() {
    T value{};
    Raw(&value, sizeof(value));
    return value;
  }
  std::string_view Bytes(size_t size) {
    ok_ = ok_ && size <= bytes_.size();
    if (!ok_) return {};
    const std::string_view found = bytes_.substr(0, size);
    bytes_.remove_prefix(size);
    return found;
  }
  template <typename List>
  void Numbers(List& values) {
    const auto count = Number<int64_t>();
    ok_ = ok_ && count >= 0 &&
          static_cast<size_t>(count) <= bytes_.size() / sizeof(values[0]);
    if (!ok_) return;
    values.resize(count);
    Raw(values.data(), values.size() * sizeof(values[0]));
  }
  bool AtEnd() const { return ok_ && bytes_.empty(); }

 private:
  void Raw(void* to, size_t size) {
    const std::string_view found = Bytes(size);
    if (!found.empty()) std::memcpy(to, found.data(), size);
  }

  std::string_view bytes_;
  bool ok_ = true;
};

void Write(const ParameterState& parameter, Writer& writer) {
  writer.Numbers(parameter.value);
  writer.Numbers(parameter.mean);
  writer.Numbers(parameter.square);
}

void Read(Reader& reader, ParameterState& parameter) {
  reader.Numbers(parameter.value);
  reader.Numbers(parameter.mean);
  reader.Numbers(parameter.square);
}

template <typename T>
std::string_view AsBytes(const std::vector<T>& values) {
  return {reinterpret_cast<const char*>(values.data()),
          values.size() * sizeof(T)};
}

absl::Status Foreign(const std::string& why) {
  return WithReason(
      absl::FailedPreconditionError(absl::StrCat(
          "the checkpoint ", why, ". Start the training from the beginning")),
      "CHECKPOINT_FOREIGN");
}

}  // namespace

absl::StatusOr<std::string> TrainingFingerprint(const TrainingSet& train,
                                                const TrainingSet& validation,
                                                const TrainOptions& options) {
  Writer fields;
  fields.Number<int64_t>(options.hidden);
  fields.Number(options.dropout);
  fields.Number(options.learning_rate);
  fields.Number(options.weight_decay);
  fields.Number<int64_t>(options.batch_size);
  fields.Number<int64_t>(options.max_epochs);
  fields.Number<int64_t>(options.patience);
  fields.Number(options.seed);
  fields.Number<int64_t>(options.class_weighted);
  fields.Number<int64_t>(train.dimension);
  Sha256 digest;
  digest.UpdateField("nevus training 2");
  digest.UpdateField(fields.bytes());
  for (const TrainingSet* set : {&train, &validation}) {
    // Their number and the dimension say how many numbers follow.
    digest.UpdateField(AsBytes(set->labels));
    RETURN_IF_ERROR(ForEachBatch(*set, [&](const RowStream::Batch& batch) {
      digest.Update({reinterpret_cast<const char*>(batch.values),
                     batch.count * set->dimension * sizeof(float)});
      return absl::OkStatus();
    }));
  }
  return digest.Hex();
}

absl::Status CheckpointDamaged(const std::string& why) {
  return WithReason(
      absl::DataLossError(absl::StrCat(
          "the checkpoint ", why,
          "; it is damaged. Start the training from the beginning")),
      "CHECKPOINT_DAMAGED");
}

std::string EncodeCheckpoint(const TrainState& state,
                             const std::string& fingerprint) {
  Writer writer;
  writer.Bytes(kMagic);
  writer.Number(kVersion);
  writer.Bytes(fingerprint);
  writer.Number(state.step);
  writer.Number<int64_t>(state.best.best_epoch);
  writer.Number(state.best.validation_auc);
  writer.Number<int64_t>(state.best.history.size());
  for (const TrainProgress& epoch : state.best.history) {
    writer.Number(epoch.train_loss);
    writer.Number(epoch.validation_auc);
  }
  writer.Numbers(state.random);
  const Head& head = state.best.head;
  for (const std::vector<float>* part :
       {&head.mean, &head.inverse_std, &head.w1, &head.b1, &head.w2}) {
    writer.Numbers(*part);
  }
  writer.Number(head.b2);
  for (const ParameterState* parameter :
       {&state.w1, &state.b1, &state.w2, &state.b2}) {
    Write(*parameter, writer);
  }
  writer.Number(Checksum64(writer.bytes()));
  return writer.Take();
}

absl::StatusOr<TrainState> DecodeCheckpoint(std::string_view bytes,
                                            const std::string& fingerprint,
                                            const TrainOptions& options) {
  if (bytes.size() < kSmallest || bytes.substr(0, kMagic.size()) != kMagic) {
    return CheckpointDamaged(
        absl::StrCat("of ", bytes.size(), " bytes is none of a training"));
  }
  const std::string_view sealed =
      bytes.substr(0, bytes.size() - kChecksumBytes);
  if (Reader(bytes.substr(sealed.size())).Number<uint64_t>() !=
      Checksum64(sealed)) {
    return CheckpointDamaged("does not have its checksum");
  }
  Reader reader(sealed.substr(kMagic.size()));
  const auto version = reader.Number<int32_t>();
  if (version != kVersion) {
    return Foreign(absl::StrCat("has format ", version,
                                "; this program reads format ", kVersion));
  }
  if (reader.Bytes(kFingerprintBytes) != fingerprint) {
    return Foreign(
        "was made with other options or other rows than this training has");
  }

  TrainState state;
  TrainedHead& best = state.best;
  state.step = reader.Number<int64_t>();
  best.best_epoch = static_cast<int>(reader.Number<int64_t>());
  best.validation_auc = reader.Number<double>();
  const auto epochs = reader.Number<int64_t>();
  if (epochs < 1 || epochs > options.max_epochs || best.best_epoch < 1 ||
      best.best_epoch > epochs || state.step < epochs) {
    return CheckpointDamaged(absl::StrCat(
        "says that epoch ", best.best_epoch, " of ", epochs,
        " was the best; right are 1 to ", options.max_epochs, " epochs"));
  }
  for (int epoch = 1; epoch <= epochs; ++epoch) {
    const auto loss = reader.Number<double>();
    const auto auc = reader.Number<double>();
    best.history.push_back({epoch, options.max_epochs, loss, auc});
  }
  reader.Numbers(state.random);
  best.head.hidden = options.hidden;
  Head& head = best.head;
  for (std::vector<float>* part :
       {&head.mean, &head.inverse_std, &head.w1, &head.b1, &head.w2}) {
    reader.Numbers(*part);
  }
  head.inputs = static_cast<int>(head.mean.size());
  head.b2 = reader.Number<float>();
  for (ParameterState* parameter :
       {&state.w1, &state.b1, &state.w2, &state.b2}) {
    Read(reader, *parameter);
  }
  if (!reader.AtEnd()) {
    return CheckpointDamaged("has another length than its parts");
  }
  return state;
}

}  // namespace nevus
