#include <map>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/digest.h"
#include "base/status.h"
#include "storage/backbone/backbone_store.h"
#include "storage/model/model_store.h"
#include "tests/chaos/power_loss/histories.h"
#include "tests/chaos/power_loss/random.h"

namespace nevus {
namespace {

const absl::Time kNow = absl::FromUnixSeconds(1'700'000'000);
constexpr char kModel[] = "melanoma";
constexpr char kAlias[] = "production";
constexpr int kAll = 1'000'000;

absl::Status Lost(const std::string& what) {
  return absl::DataLossError("acknowledged " + what + " is lost");
}

class RegistryHistory : public History {
 public:
  std::string name() const override { return "registry"; }

  absl::Status Step(KeyValueStore& store, std::mt19937_64& random) override {
    BackboneStore backbones(store);
    ModelStore models(store);
    const int64_t what = Draw(random, 0, 9);
    if (what < 2) return PutBackbone(backbones, random);
    if (what == 2 && backbones_.size() > 1) return DeleteBackbone(backbones);
    if (what < 7 || versions_.empty()) return Register(models, random);
    return MoveAlias(models, random);
  }

  absl::Status Check(KeyValueStore& store) override {
    RETURN_IF_ERROR(CheckBackbones(BackboneStore(store)));
    return CheckModels(ModelStore(store));
  }

 private:
  absl::Status PutBackbone(BackboneStore& backbones, std::mt19937_64& random) {
    // Now and then more than one piece.
    const int64_t bytes = Draw(random, 0, 7) == 0 ? (4 << 20) + 1000 : 20'000;
    const std::string weights = DrawBytes(random, static_cast<size_t>(bytes));
    v1::Backbone backbone;
    backbone.set_name(absl::StrCat("vgg16-", next_++));
    backbone.set_digest(Sha256Hex(backbone.name()));
    backbone.set_arch("vgg16");
    backbone.set_normalization("torchvision");
    RETURN_IF_ERROR(backbones.Put(backbone, weights, kNow).status());
    backbones_[backbone.name()] = Sha256Hex(weights);
    return absl::OkStatus();
  }

  absl::Status DeleteBackbone(BackboneStore& backbones) {
    deleting_ = backbones_.begin()->first;
    RETURN_IF_ERROR(backbones.Delete(deleting_));
    backbones_.erase(deleting_);
    deleting_.clear();
    return absl::OkStatus();
  }

  absl::Status Register(ModelStore& models, std::mt19937_64& random) {
    v1::Model model;
    model.set_name(kModel);
    model.set_positive("melanoma");
    model.mutable_head()->set_inputs(600);
    for (int i = 0; i < 600; ++i) {
      model.mutable_head()->add_w1(static_cast<float>(Draw(random, -9, 9)));
    }
    v1::Lease lease;
    lease.set_job(absl::StrCat("j-", next_++));
    lease.set_fencing_token(Draw(random, 1, 5));
    ASSIGN_OR_RETURN(const v1::Model registered,
                     models.Register(model, lease, kNow));
    versions_[registered.version()] = registered.digest();
    return absl::OkStatus();
  }

  absl::Status MoveAlias(ModelStore& models, std::mt19937_64& random) {
    is_moving_ = true;
    auto moved =
        Draw(random, 0, 3) == 0 && moves_ > 1
            ? models.Rollback(kModel, kAlias, kNow)
            : models.Promote(
                  kModel,
                  Draw(random, 1, static_cast<int64_t>(versions_.size())),
                  kAlias, "", kNow);
    if (ReasonOf(moved.status()) == "NO_HISTORY") {
      is_moving_ = false;
      return absl::OkStatus();
    }
    RETURN_IF_ERROR(moved.status());
    is_moving_ = false;
    alias_ = moved->version();
    moves_ = moved->history_size();
    return absl::OkStatus();
  }

  absl::Status CheckBackbones(const BackboneStore& backbones) {
    ASSIGN_OR_RETURN(const std::vector<v1::Backbone> listed,
                     backbones.List("", kAll));
    std::map<std::string, std::string> there;
    for (const v1::Backbone& backbone : listed) {
      Sha256 hash;
      RETURN_IF_ERROR(
          backbones.ReadWeights(backbone.name(), [&](std::string_view piece) {
            hash.Update(piece);
            return true;
          }));
      there[backbone.name()] = hash.Hex();
    }
    for (const auto& [name, digest] : backbones_) {
      if (name != deleting_ && there[name] != digest) {
        return Lost("backbone " + name);
      }
    }
    backbones_ = std::move(there);
    deleting_.clear();
    return absl::OkStatus();
  }

  absl::Status CheckModels(const ModelStore& models) {
    ASSIGN_OR_RETURN(const std::vector<v1::Model> listed,
                     models.List(kModel, std::nullopt, kAll));
    std::map<int64_t, std::string> there;
    for (const v1::Model& model : listed) {
      // Reads the head, and checks the digest over both.
      RETURN_IF_ERROR(models.Get(kModel, model.version()).status());
      there[model.version()] = model.digest();
    }
    for (const auto& [version, digest] : versions_) {
      if (there[version] != digest) {
        return Lost(absl::StrCat("model version ", version));
      }
    }
    versions_ = std::move(there);
    ASSIGN_OR_RETURN(const std::vector<v1::Alias> aliases,
                     models.ListAliases(kModel));
    if (aliases.empty()) {
      return moves_ == 0 ? absl::OkStatus() : Lost("alias");
    }
    const v1::Alias& alias = aliases[0];
    if (versions_.count(alias.version()) == 0) {
      return absl::DataLossError("an alias points at a version that is lost");
    }
    const bool as_acknowledged =
        alias.version() == alias_ && alias.history_size() == moves_;
    if (!as_acknowledged &&
        !(is_moving_ && alias.history_size() == moves_ + 1)) {
      return Lost("move of the alias");
    }
    alias_ = alias.version();
    moves_ = alias.history_size();
    is_moving_ = false;
    return absl::OkStatus();
  }

  int next_ = 0;
  // Acknowledged: backbones by name with the SHA-256 of their weights, model
  // versions with their digest, where the alias points and how often it moved.
  std::map<std::string, std::string> backbones_;
  std::map<int64_t, std::string> versions_;
  int64_t alias_ = 0;
  int moves_ = 0;
  // Not acknowledged.
  std::string deleting_;
  bool is_moving_ = false;
};

}  // namespace

std::unique_ptr<History> NewRegistryHistory() {
  return std::make_unique<RegistryHistory>();
}

}  // namespace nevus
