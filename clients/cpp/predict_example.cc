// One answer for one photograph: predict_example ADDRESS MODEL ALIAS FILE
#include <iostream>

#include "clients/cpp/client.h"
#include "clients/cpp/files.h"

int main(int argc, char** argv) {
  if (argc != 5) return 2;
  const auto client = nevus::Client::Create(argv[1]);
  const auto photograph = nevus::ReadFile(argv[4], 64 << 20);
  if (!client.ok() || !photograph.ok()) return 1;
  nevus::v1::PredictRequest request;
  request.set_model(argv[2]);
  request.set_alias(argv[3]);
  request.set_image(*photograph);
  const auto answer =
      (*client)->Call(&nevus::v1::PredictionService::Stub::Predict, request);
  if (!answer.ok()) std::cerr << answer.status().message() << "\n";
  if (!answer.ok()) return 1;
  std::cout << answer->probability() << " " << answer->decision() << " "
            << answer->model() << "\n";
}
