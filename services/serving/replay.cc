#include "services/serving/replay.h"

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <tuple>
#include <utility>

#include "base/status.h"
#include "compute/classifier/classifier.h"
#include "compute/evaluation/paired_auc.h"
#include "compute/image/quality.h"
#include "services/runtime/convert.h"
#include "services/runtime/peer_reads.h"
#include "services/serving/decision.h"
#include "services/serving/live_performance.h"

namespace nevus {
namespace {

// Under which a dataset keeps the image.
const std::string& StoredDigest(const v1::LoggedPrediction& prediction) {
  return prediction.stored_digest().empty() ? prediction.image_digest()
                                            : prediction.stored_digest();
}

// Features read at a time: a megabyte or two.
constexpr size_t kChunk = 256;

std::vector<std::string> ImagesOf(
    const std::vector<v1::LoggedPrediction>& predictions, size_t begin,
    size_t end) {
  std::vector<std::string> images;
  for (size_t i = begin; i < end; ++i) {
    images.push_back(StoredDigest(predictions[i]));
  }
  return images;
}

// The images of a dataset and of the log are told apart by where they are.
absl::StatusOr<std::pair<v1::ReplaySource, std::string>> FindImage(
    const Peers& peers, const PredictionStore& store,
    const v1::LoggedPrediction& prediction, const grpc::ServerContext& call) {
  absl::StatusOr<std::string> logged =
      store.GetImage(prediction.image_digest());
  if (logged.ok()) return std::make_pair(v1::LOGGED_IMAGE, *std::move(logged));
  if (!absl::IsNotFound(logged.status())) return logged.status();
  absl::StatusOr<std::vector<std::string>> images =
      ReadImages(peers, {StoredDigest(prediction)}, &call);
  if (images.ok()) {
    return std::make_pair(v1::DATASET_IMAGE, std::move(images->front()));
  }
  if (!absl::IsNotFound(images.status())) return images.status();
  return std::make_pair(v1::REPLAY_SOURCE_UNSPECIFIED, std::string());
}

// Of one chunk: what the candidate says of those images that have a feature.
absl::StatusOr<std::map<std::string, Judgement>> FromFeatures(
    const Peers& peers, const v1::Model& candidate,
    const Classifier& classifier, const std::vector<std::string>& images,
    const grpc::ServerContext& call) {
  std::map<std::string, Judgement> judgements;
  const size_t inputs = static_cast<size_t>(classifier.head.inputs);
  const std::string& space = candidate.space().digest();
  const absl::StatusOr<std::vector<std::string>> missing =
      FindMissingFeatures(peers, space, images, &call);
  // Nothing was ever extracted there.
  if (absl::IsNotFound(missing.status())) return judgements;
  RETURN_IF_ERROR(missing.status());
  const std::set<std::string> absent(missing->begin(), missing->end());
  std::vector<std::string> present;
  for (const std::string& image : images) {
    if (absent.count(image) == 0) present.push_back(image);
  }
  if (present.empty()) return judgements;
  ASSIGN_OR_RETURN(
      const std::vector<float> features,
      ReadFeatures(peers, space, classifier.head.inputs, present, &call));
  for (size_t i = 0; i < present.size(); ++i) {
    judgements[present[i]] = Judge(classifier, &features[i * inputs]);
  }
  return judgements;
}

// Of the image, not of its feature: so it stands for every model.
bool WasBad(const v1::LoggedPrediction& logged) {
  return logged.abstain() && logged.abstain_reason() != kOutOfDistribution;
}

}  // namespace

void ReplayTally::Add(const v1::ReplayedPrediction& replayed) {
  counts_.set_images(counts_.images() + 1);
  if (replayed.source() == v1::REPLAY_SOURCE_UNSPECIFIED) return;
  counts_.set_replayed(counts_.replayed() + 1);
  if (replayed.flipped()) {
    if (replayed.abstain()) {
      counts_.set_became_abstention(counts_.became_abstention() + 1);
    } else if (replayed.positive()) {
      counts_.set_became_positive(counts_.became_positive() + 1);
    } else {
      counts_.set_became_negative(counts_.became_negative() + 1);
    }
  }
  const v1::LoggedPrediction& logged = replayed.logged();
  if (!logged.has_outcome()) return;
  const bool positive = TurnedOutPositive(logged);
  if (positive) {
    counts_.set_positives(counts_.positives() + 1);
  } else {
    counts_.set_negatives(counts_.negatives() + 1);
  }
  logged_.push_back({logged.probability(), positive});
  candidate_.push_back({replayed.probability(), positive});
}

v1::ReplaySummary ReplayTally::Summary() const {
  v1::ReplaySummary summary = counts_;
  if (summary.positives() == 0 || summary.negatives() == 0) return summary;
  const PairedAuc paired = ComparePaired(candidate_, logged_);
  summary.set_has_auc(true);
  summary.set_candidate_auc(paired.a.auc);
  summary.set_auc(paired.b.auc);
  summary.set_difference_low(paired.ci95.low);
  summary.set_difference_high(paired.ci95.high);
  summary.set_p_value(paired.p_value);
  return summary;
}

void DecideAnew(const v1::Model& candidate, const Judgement& judgement,
                bool image_is_bad, v1::ReplayedPrediction& replayed) {
  const v1::LoggedPrediction& logged = replayed.logged();
  const v1::OperatingPoint& point =
      PointOrFirst(candidate, logged.operating_point());
  replayed.set_probability(judgement.probability);
  replayed.set_abstain(image_is_bad || judgement.out_of_distribution);
  replayed.set_positive(!replayed.abstain() &&
                        judgement.probability >= point.threshold());
  replayed.set_flipped(replayed.abstain() != logged.abstain() ||
                       replayed.positive() != logged.positive());
}

absl::StatusOr<std::vector<v1::LoggedPrediction>> SelectForReplay(
    const PredictionStore& store, const v1::ReplayPredictionsRequest& request,
    const PredictionQuery& window) {
  PredictionQuery query = window;
  query.model = request.model();
  query.version = request.version();
  std::map<std::string, v1::LoggedPrediction> newest;  // by image
  RETURN_IF_ERROR(
      store.Visit(query, "", [&](const std::string&, v1::LoggedPrediction one) {
        // Of an alias, what its callers were answered.
        if (!request.alias().empty() &&
            (one.alias() != request.alias() || one.role() == v1::SHADOW)) {
          return true;
        }
        newest[one.image_digest()] = std::move(one);
        return true;
      }));
  std::vector<v1::LoggedPrediction> predictions;
  for (auto& [image, one] : newest) predictions.push_back(std::move(one));
  std::sort(
      predictions.begin(), predictions.end(), [](const auto& a, const auto& b) {
        return std::make_tuple(a.predict_time().seconds(),
                               a.predict_time().nanos(), a.prediction_id()) <
               std::make_tuple(b.predict_time().seconds(),
                               b.predict_time().nanos(), b.prediction_id());
      });
  return predictions;
}

absl::Status Replay(
    const std::vector<v1::LoggedPrediction>& predictions,
    const v1::Model& candidate, const Peers& peers,
    const PredictionStore& store, const AnswerImage& answer,
    const grpc::ServerContext& call,
    const std::function<bool(const v1::ReplayedPrediction&)>& visit) {
  ASSIGN_OR_RETURN(const Classifier classifier, ToClassifier(candidate));
  for (size_t begin = 0; begin < predictions.size(); begin += kChunk) {
    const size_t end = std::min(begin + kChunk, predictions.size());
    ASSIGN_OR_RETURN(const auto from_features,
                     FromFeatures(peers, candidate, classifier,
                                  ImagesOf(predictions, begin, end), call));
    for (size_t i = begin; i < end; ++i) {
      v1::ReplayedPrediction replayed;
      *replayed.mutable_logged() = predictions[i];
      const auto known = from_features.find(StoredDigest(predictions[i]));
      if (known != from_features.end()) {
        replayed.set_source(v1::STORED_FEATURE);
        DecideAnew(candidate, known->second, WasBad(predictions[i]), replayed);
      } else {
        ASSIGN_OR_RETURN(const auto image,
                         FindImage(peers, store, predictions[i], call));
        replayed.set_source(image.first);
        if (image.first != v1::REPLAY_SOURCE_UNSPECIFIED) {
          ASSIGN_OR_RETURN(const ImageAnswer anew,
                           answer(candidate, image.second, call));
          DecideAnew(candidate, Judge(classifier, anew.feature.data()),
                     FindQualityProblem(anew.quality).has_value(), replayed);
        }
      }
      if (!visit(replayed)) return absl::CancelledError("the call ended");
    }
  }
  return absl::OkStatus();
}

}  // namespace nevus
