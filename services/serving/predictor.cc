#include "services/serving/predictor.h"

#include <algorithm>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/digest.h"
#include "base/name.h"
#include "base/status.h"
#include "compute/classifier/classifier.h"
#include "compute/image/decode.h"
#include "services/serving/candidate.h"
#include "services/serving/decision.h"
#include "services/serving/explanation.h"
#include "services/serving/serving_metrics.h"

namespace nevus {
namespace {

constexpr int64_t kMostPriority = 100;

// The operating point of that name; "" is the model's first, its default.
absl::StatusOr<v1::OperatingPoint> FindOperatingPoint(const v1::Model& model,
                                                      const std::string& name) {
  std::vector<std::string> names;
  for (const v1::OperatingPoint& point : model.operating_points()) {
    if (name.empty() || point.name() == name) return point;
    names.push_back(point.name());
  }
  return WithReason(absl::InvalidArgumentError(absl::StrCat(
                        "model ", model.name(), "@", model.version(),
                        " has no operating point ", Quoted(name), "; it has ",
                        names.empty() ? "none" : absl::StrJoin(names, ", "),
                        ". Name one of them, or none for the first")),
                    "OPERATING_POINT_UNKNOWN");
}

absl::Status Draining() {
  return WithReason(
      absl::UnavailableError(
          "the server is stopping and takes no new calls. Retry: another "
          "replica, or this one after its restart, will answer"),
      "DRAINING");
}

// Says which image it was, where that is a question.
absl::Status OfImage(const absl::Status& status, size_t index, size_t count) {
  return count == 1 ? status
                    : Annotate(status, absl::StrCat("image ", index + 1, " of ",
                                                    count));
}

}  // namespace

absl::StatusOr<Predictions> Predictor::Predict(
    const PredictQuery& query, const grpc::ServerContext& call) {
  const Stopwatch stopwatch;
  absl::StatusOr<Predictions> predictions = Find(query, call);
  if (!predictions.ok()) {
    watch_.metrics().CountError(predictions.status());
  } else {
    watch_.metrics().total_seconds.Observe(stopwatch.Seconds());
  }
  return predictions;
}

absl::StatusOr<Predictions> Predictor::Find(const PredictQuery& query,
                                            const grpc::ServerContext& call) {
  if (drains_) return Draining();
  if (query.priority < -kMostPriority || query.priority > kMostPriority) {
    return WithReason(
        absl::InvalidArgumentError(absl::StrCat(
            "priority ", query.priority, " is out of range; it goes from ",
            -kMostPriority, " to ", kMostPriority)),
        "PRIORITY_INVALID");
  }
  // What is no image takes no place in the queue.
  for (size_t i = 0; i < query.images.size(); ++i) {
    RETURN_IF_ERROR(
        OfImage(ReadImageHeader(query.images[i], DecodeLimits()).status(), i,
                query.images.size()));
  }
  RETURN_IF_ERROR(CheckKey(query.key));
  std::vector<std::string> digests;
  for (const std::string_view image : query.images) {
    digests.push_back(Sha256Hex(image));
  }
  ServingMetrics& metrics = watch_.metrics();
  const Stopwatch stopwatch;
  ASSIGN_OR_RETURN(
      const ChosenModel chosen,
      models_.Choose(
          query.model, query.key.empty() ? digests[0] : query.key,
          [&](const ServingModel& candidate) {
            return FindOperatingPoint(candidate.model(), query.operating_point)
                       .ok() &&
                   (!query.heat_map || CheckExplainable(candidate).ok());
          },
          call));
  const std::shared_ptr<ServingModel>& model = chosen.model;
  const double model_seconds = stopwatch.Seconds();
  metrics.model_seconds.Observe(model_seconds);
  const absl::Time begin = clock_.Now();
  absl::StatusOr<Predictions> predictions = Answer(query, model, call);
  const absl::Time end = clock_.Now();
  for (size_t i = 0; i < query.images.size(); ++i) {
    model->Count(predictions.ok(), end - begin,
                 predictions.ok() ? predictions->images[i].queue_wait
                                  : absl::ZeroDuration(),
                 end);
  }
  if (!predictions.ok()) return predictions;
  const double batcher_seconds = stopwatch.Seconds() - model_seconds;
  predictions->is_candidate = chosen.is_candidate;
  predictions->shadow_version = chosen.shadow_version;
  for (size_t i = 0; i < digests.size(); ++i) {
    Prediction& prediction = predictions->images[i];
    prediction.id = RandomHex(16);
    prediction.image_digest = std::move(digests[i]);
    const double queue_seconds = absl::ToDoubleSeconds(prediction.queue_wait);
    metrics.batch_size.Observe(prediction.batch_size);
    metrics.queue_seconds.Observe(queue_seconds);
    metrics.compute_seconds.Observe(
        std::max(0.0, batcher_seconds - queue_seconds));
  }
  return predictions;
}

void Predictor::Note(const PredictQuery& query,
                     const Predictions& predictions) {
  const Stopwatch stopwatch;
  for (size_t i = 0; i < query.images.size(); ++i) {
    const Prediction& prediction = predictions.images[i];
    Answered answered;
    answered.model = &predictions.model->model();
    answered.image = query.images[i];
    answered.image_digest = prediction.image_digest;
    answered.feature = &prediction.feature;
    answered.prediction_id = prediction.id;
    answered.alias = query.model.alias;
    answered.decided = &prediction.decided;
    answered.role = predictions.is_candidate ? v1::CANARY : v1::SERVED;
    watch_.Note(answered);
    if (predictions.shadow_version != 0) {
      shadows_.Offer({query.model.model, predictions.shadow_version}, answered);
    }
  }
  watch_.metrics().log_seconds.Observe(stopwatch.Seconds());
}

absl::StatusOr<Predictions> Predictor::Answer(
    const PredictQuery& query, const std::shared_ptr<ServingModel>& model,
    const grpc::ServerContext& call) {
  Predictions predictions;
  predictions.model = model;
  ASSIGN_OR_RETURN(predictions.point,
                   FindOperatingPoint(model->model(), query.operating_point));
  std::vector<v1::HeatMap> heat_maps;
  ASSIGN_OR_RETURN(std::vector<BatchedAnswer> answers,
                   Compute(query, model, call, heat_maps));
  const Classifier& classifier = model->classifier();
  for (size_t i = 0; i < answers.size(); ++i) {
    BatchedAnswer& answer = answers[i];
    Prediction prediction;
    Decide(classifier, Judge(classifier, answer.answer.feature.data()),
           answer.answer.quality, model->model(), predictions.point,
           prediction.decided);
    if (query.heat_map) prediction.heat_map = std::move(heat_maps[i]);
    prediction.feature = std::move(answer.answer.feature);
    prediction.batch_size = answer.batch_size;
    prediction.queue_wait = answer.wait;
    predictions.images.push_back(std::move(prediction));
  }
  return predictions;
}

absl::StatusOr<std::vector<BatchedAnswer>> Predictor::Compute(
    const PredictQuery& query, const std::shared_ptr<ServingModel>& model,
    const grpc::ServerContext& call, std::vector<v1::HeatMap>& heat_maps) {
  if (query.heat_map) RETURN_IF_ERROR(CheckExplainable(*model));
  BatchRequest request;
  request.model = model;
  request.images = query.images;
  request.priority = static_cast<int>(query.priority);
  request.deadline = absl::FromChrono(call.deadline());
  request.abandoned = [&call] { return call.IsCancelled(); };
  std::vector<BatchedAnswer> computed;
  const auto keep = [&](absl::StatusOr<BatchedAnswer>& answer) -> absl::Status {
    RETURN_IF_ERROR(
        OfImage(answer.status(), computed.size(), query.images.size()));
    computed.push_back(*std::move(answer));
    return absl::OkStatus();
  };
  if (!query.heat_map) {
    ASSIGN_OR_RETURN(std::vector<absl::StatusOr<BatchedAnswer>> answers,
                     batcher_.Answer(request));
    for (absl::StatusOr<BatchedAnswer>& answer : answers) {
      RETURN_IF_ERROR(keep(answer));
    }
    return computed;
  }
  // One after the other, so that pixels and activations of one are in memory.
  for (const std::string_view image : query.images) {
    const auto explained = std::make_shared<ExplainedModel>(model);
    request.model = explained;
    request.images = {image};
    ASSIGN_OR_RETURN(std::vector<absl::StatusOr<BatchedAnswer>> answers,
                     batcher_.Answer(request));
    RETURN_IF_ERROR(keep(answers[0]));
    ASSIGN_OR_RETURN(heat_maps.emplace_back(),
                     explained->Draw(computed.back().answer.feature));
  }
  return computed;
}

}  // namespace nevus
