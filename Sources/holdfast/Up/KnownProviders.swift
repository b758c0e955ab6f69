/// A provider reached over the internet whose key people keep in a well-known environment variable.
struct CloudProvider: Sendable, Hashable {
    /// The provider's id in the generated document.
    var id: String
    var name: String
    var variable: String
    var baseURL: String
    /// A model that every account there can call; people change it in a copy of the generated document.
    var model: String
}

/// A model server on this machine, on the port it takes unless told otherwise.
struct LocalRuntime: Sendable, Hashable {
    var id: String
    var name: String
    var port: Int
}

/// What `holdfast up` looks for, in order of preference.
enum KnownProviders {
    static let cloud: [CloudProvider] = [
        CloudProvider(
            id: "openai", name: "OpenAI", variable: "OPENAI_API_KEY", baseURL: "https://api.openai.com/v1",
            model: "gpt-4.1-mini"),
        CloudProvider(
            id: "mistral", name: "Mistral", variable: "MISTRAL_API_KEY", baseURL: "https://api.mistral.ai/v1",
            model: "mistral-small-latest"),
        CloudProvider(
            id: "groq", name: "Groq", variable: "GROQ_API_KEY", baseURL: "https://api.groq.com/openai/v1",
            model: "llama-3.3-70b-versatile"),
        CloudProvider(
            id: "deepseek", name: "DeepSeek", variable: "DEEPSEEK_API_KEY", baseURL: "https://api.deepseek.com/v1",
            model: "deepseek-chat"),
        CloudProvider(
            id: "together", name: "Together", variable: "TOGETHER_API_KEY", baseURL: "https://api.together.xyz/v1",
            model: "meta-llama/Llama-3.3-70B-Instruct-Turbo"),
        CloudProvider(
            id: "fireworks", name: "Fireworks", variable: "FIREWORKS_API_KEY",
            baseURL: "https://api.fireworks.ai/inference/v1", model: "accounts/fireworks/models/llama-v3p3-70b-instruct"
        ),
        CloudProvider(
            id: "xai", name: "xAI", variable: "XAI_API_KEY", baseURL: "https://api.x.ai/v1", model: "grok-3-mini"),
        CloudProvider(
            id: "openrouter", name: "OpenRouter", variable: "OPENROUTER_API_KEY",
            baseURL: "https://openrouter.ai/api/v1", model: "openai/gpt-4.1-mini"),
    ]

    /// Keys of providers whose dialect this version does not speak: said, so that nobody waits for them to be used.
    static let otherDialects: [(variable: String, name: String)] = [
        ("ANTHROPIC_API_KEY", "Anthropic"),
        ("GEMINI_API_KEY", "Google Gemini"),
        ("GOOGLE_API_KEY", "Google Gemini"),
        ("AZURE_OPENAI_API_KEY", "Azure OpenAI"),
    ]

    static let local: [LocalRuntime] = [
        LocalRuntime(id: "ollama", name: "Ollama", port: 11_434),
        LocalRuntime(id: "vllm", name: "vLLM", port: 8_000),
        LocalRuntime(id: "llama-cpp", name: "llama.cpp", port: 8_080),
        LocalRuntime(id: "lm-studio", name: "LM Studio", port: 1_234),
    ]
}
