// Answer CloudFormation for a custom resource: what functions with inline code can require as "cfn-response".
// send(event, context, response.SUCCESS, {Name: "value"}) puts the answer to the URL that came with the event, and
// ends the invocation with context.done().

exports.SUCCESS = "SUCCESS";
exports.FAILED = "FAILED";

exports.send = function (event, context, responseStatus, responseData, physicalResourceId, noEcho) {
  const body = JSON.stringify({
    Status: responseStatus,
    Reason: "See the details in CloudWatch Log Stream: " + context.logStreamName,
    PhysicalResourceId: physicalResourceId || context.logStreamName,
    StackId: event.StackId,
    RequestId: event.RequestId,
    LogicalResourceId: event.LogicalResourceId,
    NoEcho: noEcho || false,
    Data: responseData,
  });
  console.log("Answer to CloudFormation:", body);
  const url = new URL(event.ResponseURL);
  const headers = { "content-type": "", "content-length": Buffer.byteLength(body) };
  return new Promise((resolve) => {
    const end = (line) => {
      console.log(line);
      context.done();
      resolve();
    };
    const request = require(url.protocol === "http:" ? "http" : "https").request(url, { method: "PUT", headers }, (taken) => {
      taken.resume();
      taken.on("end", () => end("CloudFormation has taken it: " + taken.statusCode));
    });
    request.on("error", (fault) => end("CloudFormation could not be answered: " + fault));
    request.end(body);
  });
};
