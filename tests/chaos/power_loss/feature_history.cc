#include <map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/digest.h"
#include "base/status.h"
#include "storage/feature/feature_store.h"
#include "tests/chaos/power_loss/histories.h"
#include "tests/chaos/power_loss/random.h"

namespace nevus {
namespace {

const absl::Time kNow = absl::FromUnixSeconds(1'700'000'000);

v1::FeatureSpace Space() {
  v1::FeatureSpace space;
  space.set_digest(std::string(64, '5'));
  space.set_cut("block5_pool");
  space.set_dimension(300);  // more than 1 KiB: into blob files
  return space;
}

v1::Lease LeaseOf(int task, int64_t token) {
  v1::Lease lease;
  lease.set_job("j-1");
  lease.set_task(task);
  lease.set_fencing_token(token);
  return lease;
}

class FeatureHistory : public History {
 public:
  std::string name() const override { return "extraction"; }

  absl::Status Step(KeyValueStore& store, std::mt19937_64& random) override {
    FeatureStore features(store);
    const int task = static_cast<int>(Draw(random, 0, 2));
    // Another worker has the task now and then.
    const int64_t token =
        std::max<int64_t>(1, tried_[task]) + Draw(random, 0, 1);
    // A write that was cut may be there all the same, its token with it.
    tried_[task] = token;
    std::vector<v1::Feature> batch(static_cast<size_t>(Draw(random, 1, 6)));
    for (v1::Feature& feature : batch) {
      feature.set_image_digest(Sha256Hex(absl::StrCat("image", next_++)));
      for (int i = 0; i < Space().dimension(); ++i) {
        feature.add_values(static_cast<float>(Draw(random, -1000, 1000)));
      }
    }
    RETURN_IF_ERROR(features.Write(Space(), batch, LeaseOf(task, token), kNow));
    tokens_[task] = token;
    for (v1::Feature& feature : batch) {
      values_[feature.image_digest()] = std::move(feature);
    }
    return absl::OkStatus();
  }

  absl::Status Check(KeyValueStore& store) override {
    FeatureStore features(store);
    RETURN_IF_ERROR(CheckCount(store, features));
    if (values_.empty()) return absl::OkStatus();
    std::vector<std::string> images;
    for (const auto& [image, feature] : values_) images.push_back(image);
    auto expected = values_.begin();
    absl::Status wrong;
    RETURN_IF_ERROR(
        features.Read(Space().digest(), images, [&](v1::Feature feature) {
          if (feature.SerializeAsString() !=
              (expected++)->second.SerializeAsString()) {
            wrong = absl::DataLossError("another feature of " +
                                        feature.image_digest());
          }
          return wrong.ok();
        }));
    RETURN_IF_ERROR(wrong);
    for (const auto& [task, token] : tokens_) {
      if (token < 2) continue;
      const absl::Status stale =
          features.Write(Space(), {}, LeaseOf(task, token - 1), kNow);
      if (ReasonOf(stale) != "FENCING_TOKEN_STALE") {
        return absl::DataLossError(absl::StrCat("the fence of task ", task,
                                                " fell below ", token, ": ",
                                                stale.ToString()));
      }
    }
    return absl::OkStatus();
  }

 private:
  // A space says how many features it has; each is there with its values.
  static absl::Status CheckCount(KeyValueStore& store,
                                 const FeatureStore& features) {
    std::vector<std::string> present;
    const std::string prefix = "present!" + Space().digest() + "!";
    RETURN_IF_ERROR(
        store.Scan(prefix, "", [&](std::string_view key, std::string_view) {
          present.emplace_back(key.substr(prefix.size()));
          return true;
        }));
    if (present.empty()) return absl::OkStatus();
    ASSIGN_OR_RETURN(const v1::FeatureSpace space,
                     features.GetSpace(Space().digest()));
    if (space.features() != static_cast<int64_t>(present.size())) {
      return absl::DataLossError(absl::StrCat("the space counts ",
                                              space.features(), " of ",
                                              present.size(), " features"));
    }
    return features.Read(Space().digest(), present,
                         [](const v1::Feature&) { return true; });
  }

  int next_ = 0;
  // Acknowledged.
  std::map<std::string, v1::Feature> values_;
  std::map<int, int64_t> tokens_;  // acknowledged
  std::map<int, int64_t> tried_;   // sent, acknowledged or not
};

}  // namespace

std::unique_ptr<History> NewFeatureHistory() {
  return std::make_unique<FeatureHistory>();
}

}  // namespace nevus
