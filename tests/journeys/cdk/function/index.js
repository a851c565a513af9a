exports.handler = async () => "answered";
